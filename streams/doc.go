// Package streams decodes what a Docker engine sends piece by piece: the output of containers,
// the progress of jobs, events, and upgraded connections. The client uses it for its own
// calls; it is exported for those who hold a body of their own.
//
//	for f, err := range streams.Frames(body) { … }      // multiplexed output, as frames
//	n, err := streams.Demux(os.Stdout, os.Stderr, body) // the same, copied to two writers
//	for line, err := range streams.Lines(body, nil) { … } // the same, as lines
//	for e, err := range streams.JSON[Event](body) { … } // a stream of JSON values
//	for m, err := range streams.Messages(body) { … }    // the progress of a pull, push or build
//
// [Output] is a body that knows how it is encoded, [Conn] a connection bound to a context,
// [Display] and [Tracker] show and add up progress.
//
// What holds for all of them:
//
//   - A stream that is cut is an error: errors.Is(err, errdefs.ErrTruncated), which is
//     io.ErrUnexpectedEOF too. What came before the cut is delivered first.
//   - A failure that the engine reports inside a stream is an [*EngineError].
//   - A sequence yields an error once, as its last step. After a break nothing more is read.
//   - No more than 64 KiB of a stream are held, save for a longer line or JSON value, which
//     has a limit of its own. While nothing comes, it is about half a KiB.
//   - No goroutine runs but the caller's, save for the moment of a [Conn.CloseWrite].
package streams
