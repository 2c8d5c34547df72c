package enginetest

import (
	"encoding/json"
	"errors"
	"io"
)

// progress is an answer of JSON messages, one a line. Its head is sent with the first
// one: an error that comes before makes an ordinary refusal.
type progress struct {
	call *call
	w    io.Writer
}

func (c *call) progress() *progress { return &progress{call: c} }

// message is one message of a pull, push, build or load.
type message struct {
	Stream         string         `json:"stream,omitempty"`
	Status         string         `json:"status,omitempty"`
	ProgressDetail *messageDetail `json:"progressDetail,omitempty"`
	Progress       string         `json:"progress,omitempty"` // until API 1.51
	ID             string         `json:"id,omitempty"`
	ErrorDetail    *messageError  `json:"errorDetail,omitempty"`
	Error          string         `json:"error,omitempty"`
	Aux            any            `json:"aux,omitempty"`
}

type messageDetail struct {
	Current int64 `json:"current,omitempty"`
	Total   int64 `json:"total,omitempty"`
}

type messageError struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"message"`
}

func (p *progress) send(m message) error {
	if p.w == nil {
		w, err := p.call.stream("application/json")
		if err != nil {
			return err
		}
		p.w = w
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = p.w.Write(append(b, '\r', '\n'))
	return err
}

// fail ends the answer with an error: in a message where there was one before.
func (p *progress) fail(err error) error {
	if p.w == nil || err == nil {
		return err
	}
	detail := &messageError{Message: err.Error()}
	var failed *buildFailure
	if errors.As(err, &failed) {
		detail.Code = failed.code
	}
	return p.send(message{ErrorDetail: detail, Error: detail.Message})
}
