// Package conformance holds the tests that judge requests on the wire. They import
// real descriptions into a running suite, call every operation with inputs made
// from its schemas, and compare what a recording API received with what the
// description says, read by code of its own: nothing here knows how the importer
// or the request builder work.
//
// Two folders of descriptions are looked for beside the repository, and the tests
// skip where they are absent. FERRULE_CONFORMANCE=full takes every package; else a
// fixed tenth is taken. FERRULE_PRISM names the program of a validating mock
// server, which is then asked too.
//
// What cannot match is listed, with the reason, in testdata/explained.yaml, what is not
// called with policies and credentials in testdata/policied.yaml, and
// where the mock server is wrong in testdata/prism.yaml; the tests fail on what is
// missing there and on what is there without need. README.md has the figures.
//
// The package has no code of its own.
package conformance
