// Package chart draws bars on a logarithmic scale as SVG: groups of bars, one
// colour to a series, each with its value on top.
//
// What must never be in it: what the values mean.
package chart
