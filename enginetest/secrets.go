package enginetest

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"

	"github.com/cleat-go/docker"
)

// Secrets and configs are the same but for their names, and that the data of secrets are
// not told. Both are kept as docker.Secret.

// objectName is what names of objects of the swarm are like.
var objectName = regexp.MustCompile(`^[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?$`)

func metaOfStored(s *docker.Secret) *docker.ObjectMeta { return &s.ObjectMeta }

// findStored finds a secret or config.
func (cl *cluster) findStored(kind docker.EventType, ref string) (*docker.Secret, error) {
	return findObject(string(kind), ref, cl.stored[kind], func(s *docker.Secret) string { return s.Spec.Name })
}

// told is a secret or config as it is sent.
func told(kind docker.EventType, s *docker.Secret) *docker.Secret {
	shown := *s
	if kind == docker.EventSecret {
		shown.Spec.Data = nil
	}
	return &shown
}

// wholeStored adds what a secret or config has even where it is empty.
func wholeStored(_ *call, object map[string]any) {
	fill(object["Spec"], map[string]any{"Labels": map[string]any{}})
}

func storedList(kind docker.EventType) plainHandler {
	return managed(func(c *call, cl *cluster) error {
		f, err := c.filters("id", "label", "name", "names")
		if err != nil {
			return err
		}
		list := inOrder(cl.stored[kind], metaOfStored, func(s *docker.Secret) bool {
			return f.id("id", s.ID) && f.prefixed("name", s.Spec.Name) && f.has("names", s.Spec.Name) && f.labels(s.Spec.Labels)
		})
		for i, s := range list {
			list[i] = told(kind, s)
		}
		return c.json(http.StatusOK, list, wholeStored)
	})
}

func storedInspect(kind docker.EventType) plainHandler {
	return managed(func(c *call, cl *cluster) error {
		s, err := cl.findStored(kind, c.vars["id"])
		if err != nil {
			return err
		}
		return c.json(http.StatusOK, told(kind, s), wholeStored)
	})
}

// validStored checks a new secret or config.
func validStored(kind docker.EventType, spec *docker.SecretSpec) error {
	limit := 500 << 10
	if kind == docker.EventConfig {
		limit = 1000 << 10
	}
	switch {
	case spec.Name == "":
		return badRequest("rpc error: code = InvalidArgument desc = name must be provided")
	case len(spec.Name) > 64 || !objectName.MatchString(spec.Name):
		return badRequest("rpc error: code = InvalidArgument desc = invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, " +
			"and the start and end character must be [a-zA-Z0-9]")
	case spec.Driver == nil && (len(spec.Data) == 0 || len(spec.Data) > limit):
		return badRequest("rpc error: code = InvalidArgument desc = %s data must be larger than 0 and less than %d bytes", kind, limit)
	}
	return nil
}

func storedCreate(kind docker.EventType) plainHandler {
	return managed(func(c *call, cl *cluster) error {
		s := docker.Secret{ID: newObjectID()}
		if err := c.decode(&s.Spec); err != nil {
			return err
		}
		if err := validStored(kind, &s.Spec); err != nil {
			return err
		}
		for _, other := range cl.stored[kind] {
			if strings.EqualFold(other.Spec.Name, s.Spec.Name) {
				return conflict("rpc error: code = AlreadyExists desc = %s %s already exists", kind, s.Spec.Name)
			}
		}
		cl.touch(&s.ObjectMeta)
		cl.stored[kind][s.ID] = &s
		c.emitCluster(kind, "create", s.ID, s.Spec.Name)
		return c.json(http.StatusCreated, map[string]string{"ID": s.ID})
	})
}

func storedUpdate(kind docker.EventType) plainHandler {
	return managed(func(c *call, cl *cluster) error {
		var spec docker.SecretSpec
		if err := c.decode(&spec); err != nil {
			return err
		}
		s, err := cl.findStored(kind, c.vars["id"])
		if err != nil {
			return err
		}
		if err := c.basedOn(string(kind), s.Version); err != nil {
			return err
		}
		if len(spec.Data) == 0 {
			spec.Data = s.Spec.Data
		}
		same := spec
		same.Labels = s.Spec.Labels
		if !reflect.DeepEqual(same, s.Spec) {
			return badRequest("rpc error: code = InvalidArgument desc = only updates to Labels are allowed")
		}
		s.Spec = spec
		cl.touch(&s.ObjectMeta)
		c.emitCluster(kind, "update", s.ID, s.Spec.Name)
		return c.done(http.StatusOK)
	})
}

func storedRemove(kind docker.EventType) plainHandler {
	return managed(func(c *call, cl *cluster) error {
		s, err := cl.findStored(kind, c.vars["id"])
		if err != nil {
			return err
		}
		if users := cl.usersOf(s.ID); len(users) > 0 {
			word := "service"
			if len(users) > 1 {
				word = "services"
			}
			return badRequest("rpc error: code = InvalidArgument desc = %s '%s' is in use by the following %s: %s", kind, s.Spec.Name, word, strings.Join(users, ", "))
		}
		delete(cl.stored[kind], s.ID)
		c.emitCluster(kind, "remove", s.ID, s.Spec.Name)
		return c.done(http.StatusNoContent)
	})
}
