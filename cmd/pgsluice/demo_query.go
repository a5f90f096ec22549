package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// queryClient asks ClickHouse over HTTP: another way than the one that rows came
// in by.
type queryClient struct {
	http *http.Client
	url  string
}

func newQueryClient(addr string) *queryClient {
	// The answer is held back until the query has ended: an error in the middle
	// of it would otherwise look like rows.
	settings := url.Values{"wait_end_of_query": {"1"}}
	return &queryClient{
		// A connection that is kept would outlive the server.
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}},
		url:  "http://" + addr + "/?" + settings.Encode(),
	}
}

// do runs a statement and gives its answer, which the caller closes.
func (c *queryClient) do(ctx context.Context, sql string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(sql))
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	_ = response.Body.Close()
	return nil, errors.Join(fmt.Errorf("ClickHouse answers: %s", strings.TrimSpace(string(text))), err)
}

// rows runs a query in format RowBinary whose columns are all Nullable(String).
func (c *queryClient) rows(ctx context.Context, sql string, columns int) (*binaryRows, error) {
	body, err := c.do(ctx, sql)
	if err != nil {
		return nil, err
	}
	return &binaryRows{
		body: body, in: bufio.NewReaderSize(body, 64<<10), row: make([][]byte, columns), buffers: make([][]byte, columns),
	}, nil
}

// binaryRows reads rows of Nullable(String): a byte that is 1 for NULL, else the
// length as a varint and the bytes.
type binaryRows struct {
	body         io.ReadCloser
	in           *bufio.Reader
	row, buffers [][]byte
}

func (r *binaryRows) close() { _ = r.body.Close() }

func (r *binaryRows) next() ([][]byte, error) {
	if _, err := r.in.Peek(1); err != nil {
		return nil, err // io.EOF between two rows is the end
	}
	for i := range r.row {
		if err := r.read(i); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("read the answer of ClickHouse: %w", err)
		}
	}
	return r.row, nil
}

func (r *binaryRows) read(i int) error {
	null, err := r.in.ReadByte()
	if err != nil {
		return err
	}
	if r.row[i] = nil; null == 1 {
		return nil
	}
	length, err := binary.ReadUvarint(r.in)
	if err != nil {
		return err
	}
	if uint64(cap(r.buffers[i])) < length {
		r.buffers[i] = make([]byte, length)
	}
	// Never nil, which would be NULL.
	r.row[i] = r.buffers[i][:length:cap(r.buffers[i])]
	if r.row[i] == nil {
		r.row[i] = []byte{}
	}
	_, err = io.ReadFull(r.in, r.row[i])
	return err
}
