// Package reconcile makes what is held equal to what is wanted, row by row,
// for any kind of row. It is the one place that decides whether the outside
// world has to change.
//
// A Table belongs to one Kind of object and knows two things of each row: who
// wants it with which value (Claim), and what the outside holds (Observe of
// all rows, Look at some, and the answers of its own calls). A row where the two differ is due. Grow
// creates and updates due rows, Shrink deletes those that no owner wants.
//
// A row that the outside refuses is due like one that failed; Broken tells
// whether what fails is more than such rows.
//
// There is no other path. A change alters what is wanted. Drift and a restart
// alter what is held, because both are a listing. A failed call leaves its row
// due, so a retry is just the next Grow.
//
// This package knows neither Kubernetes nor Linux, keeps no clock and starts
// no goroutine. A Table is for one goroutine.
package reconcile
