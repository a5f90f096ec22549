// Package crash names the moments at which the death of the process is worth a
// test: between two steps of a protocol whose order matters. In an ordinary build a
// point is nothing. Under the build tag crashpoints the process kills itself, as
// SIGKILL does from outside, at the point and passing that
//
//	PGSLUICE_CRASH_AT=name:3
//
// says: here the third time that the point called name is passed. The crash suite
// in integration finds the points by their names in the source.
package crash
