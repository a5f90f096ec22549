// Package verify holds the tables of a pipeline against their source, while the
// pipeline streams or while it does not. It coordinates with nobody: what a look at
// both sides leaves in doubt is looked at again until it is known.
//
//	     every row of both sides                rows of those alone           rows by their keys, until settled
//	sums of hashes, by buckets of keys ──▶ keys whose rows are not the same ──▶ source ─ fence ─ target ─ source
//	                 │                                                           equal │ changed meanwhile │ different
//	                 ▼
//	       equal, nearly always
//
// A fence is passed when the target remembers to have everything that the source had
// committed before. What a source's row has to be in the target is for the target to
// say ([apply.Comparison]); nothing here knows a type.
package verify
