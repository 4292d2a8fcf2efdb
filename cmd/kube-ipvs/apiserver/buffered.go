package apiserver

import (
	"bufio"
	"io"
	"net/http"
)

// answerBuffer is some twenty times what is usually read at once, a Service or an
// EndpointSlice.
const answerBuffer = 64 << 10

// buffered reads answers of the API server in large pieces. HTTP/2 tells the
// server after every few kilobytes that are read that it may send more, which
// for a list of a large cluster is a sixth of all work.
func buffered(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		if err == nil && answer.StatusCode == http.StatusOK {
			answer.Body = bufferedBody{bufio.NewReaderSize(answer.Body, answerBuffer), answer.Body}
		}
		return answer, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bufferedBody has at once what there is: its buffer does not wait to be full.
type bufferedBody struct {
	io.Reader
	io.Closer
}
