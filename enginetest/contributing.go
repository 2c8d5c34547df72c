package enginetest

// How this package is made.
//
// An operation stands in the list of routes.go. Its handler stands in the table of its
// topic's file, as "POST /networks/{id}/connect": plainHandler(networkConnect). One
// without a handler answers 501.
//
// A plainHandler runs with the lock of the engine, its body read; it answers with c.json,
// c.text or c.done and an error refuses (notFound, conflict, badRequest, errorf with a
// status; the words are the engine's). It must not touch the connection. Where it has to
// wait, c.wait releases the lock for that time; what was looked at before may have
// changed then. A streamHandler runs without the lock: it takes c.mu for the state and
// releases it before it reads c.r.Body or writes what c.stream, c.progress or c.upgrade
// give.
//
// State is a store for each topic, embedded nowhere, a field of engine, made by an
// init method; the engine's mutex guards it with all that hangs on it. The methods of
// engine expect the lock, and say so where they take it themselves. What has a lock of
// its own, since processes use it: Files, the log and the streams of a container.
//
// Versions: c.version is what the client speaks, c.since(44) compares; c.apiVersion() is
// what the engine speaks at most. The edits of c.json take fields away: from(44, "A.B")
// before 1.44, until(51, "C") after 1.51. A route newer than 1.40 has "since" in its list.
//
// Events: e.emit after the change, in the order of the real engine. Waiting for a change
// is a broadcast: take changed() with the lock, release, receive.
//
// Goroutines are started by e.spawn, end when e.ctx does, and take the lock themselves.
// They block on channels, condition variables and timers alone, so that synctest can
// hold the clock; time is that of package time.
//
// Faults and the recording of requests need nothing of a handler: they are in
// handler.go and faults.go, and see every byte.
