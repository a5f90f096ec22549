// Package applytest proves that a target keeps the contract of package apply.
//
//	Run(t, Subject{New: …})       every promise of apply.Target, on a warehouse per test
//	Memory                        a target that keeps rows in maps: the contract in its plainest form
//	Transactions{Memory}          the same, with transactions
//	Faulty{Target}                any target, with a script of what goes wrong and when
//
// The heart of it is a history of random changes that is applied in random
// batches, with failures before and after the write, crashes, and replays of
// any stretch with other cuts; a reader has to see what a model says, always.
// Every run prints its seed.
package applytest
