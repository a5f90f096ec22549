package sync

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// spool keeps what the stream says of a table while the table is being copied:
// in memory first, and in a temporary file, which nobody else can open, behind
// that. Nothing of it outlives the process: a copy that was cut short begins
// anew.
type spool struct {
	dir    string
	memory []byte
	file   *os.File
	size   int64 // of the file
	// announced are the announcements, which entries name by their number.
	announced []*replication.RelationMessage
	rows      int64
	dirty     bool // rows have come since the last end of a transaction
	closed    bool // nothing is kept any more
}

// spoolMemory is how much a spool holds before it goes to a file: most copies are
// short, and thousands of them can be under way.
const spoolMemory = 256 << 10

// The kinds of entry in a spool. Numbers are unsigned varints:
//
//	announcement: 'A' number
//	row:          'R' op commit seq flags [old] [new]      old, new: count, then per value format, length, bytes
//	truncate:     'T' commit seq
//	end:          'E'
const (
	spoolAnnouncement = 'A'
	spoolRow          = 'R'
	spoolTruncate     = 'T'
	spoolEnd          = 'E'
)

const (
	spoolOld = 1 << iota
	spoolOldFull
	spoolNew
)

// announce keeps an announcement.
func (s *spool) announce(m *replication.RelationMessage) error {
	s.memory = append(s.memory, spoolAnnouncement)
	s.memory = binary.AppendUvarint(s.memory, uint64(len(s.announced)))
	s.announced = append(s.announced, m)
	return s.spill()
}

// add keeps a row as the stream has brought it.
func (s *spool) add(r *change.Row) error {
	flags := byte(0)
	if r.Old != nil {
		flags |= spoolOld
	}
	if r.OldFull {
		flags |= spoolOldFull
	}
	if r.New != nil {
		flags |= spoolNew
	}
	s.memory = append(s.memory, spoolRow, byte(r.Op))
	s.memory = appendPosition(s.memory, r.Position)
	s.memory = append(s.memory, flags)
	if r.Old != nil {
		s.memory = appendTuple(s.memory, r.Old)
	}
	if r.New != nil {
		s.memory = appendTuple(s.memory, r.New)
	}
	s.rows++
	s.dirty = true
	return s.spill()
}

func (s *spool) truncate(p change.Position) error {
	s.memory = appendPosition(append(s.memory, spoolTruncate), p)
	s.dirty = true
	return s.spill()
}

// end keeps that the transaction whose rows have come is over.
func (s *spool) end() error {
	if !s.dirty {
		return nil
	}
	s.dirty = false
	s.memory = append(s.memory, spoolEnd)
	return s.spill()
}

func appendPosition(b []byte, p change.Position) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(p.Commit)), p.Seq)
}

func appendTuple(b []byte, tuple []change.Datum) []byte {
	b = binary.AppendUvarint(b, uint64(len(tuple)))
	for _, d := range tuple {
		b = binary.AppendUvarint(append(b, byte(d.Format)), uint64(len(d.Bytes)))
		b = append(b, d.Bytes...)
	}
	return b
}

// spill moves what is in memory to the file when it has become much.
func (s *spool) spill() error {
	if s.closed {
		s.memory = s.memory[:0]
		return nil
	}
	if len(s.memory) < spoolMemory {
		return nil
	}
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, "pgsluice-spool-*")
		if err != nil {
			return fmt.Errorf("keep the changes of a table that is being copied: %w", err)
		}
		s.file = file
		// Where an open file cannot be removed it is when it is closed.
		_ = os.Remove(file.Name())
	}
	n, err := s.file.Write(s.memory)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("keep the changes of a table that is being copied in %s: %w", s.file.Name(), err)
	}
	s.memory = s.memory[:0]
	return nil
}

// close lets go of everything.
func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
	s.file, s.memory, s.closed = nil, nil, true
}

// spoolEntry is one entry; it is valid until the next is read.
type spoolEntry struct {
	kind     byte
	message  *replication.RelationMessage
	row      change.Row
	position change.Position
}

// spoolReader reads a spool to which nothing is added meanwhile.
type spoolReader struct {
	spool    *spool
	from     *bufio.Reader
	old, new []change.Datum
	bytes    []byte
	entry    spoolEntry
}

func (s *spool) read() (*spoolReader, error) {
	var stored io.Reader = bytes.NewReader(s.memory)
	if s.file != nil {
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read the changes kept for a table: %w", err)
		}
		stored = io.MultiReader(io.LimitReader(s.file, s.size), stored)
	}
	return &spoolReader{spool: s, from: bufio.NewReaderSize(stored, 64<<10)}, nil
}

// next gives the next entry, nil behind the last.
func (r *spoolReader) next() (*spoolEntry, error) {
	kind, err := r.from.ReadByte()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	r.entry = spoolEntry{kind: kind}
	if err == nil {
		err = r.readEntry(&r.entry)
	}
	if err != nil {
		return nil, fmt.Errorf("read the changes kept for a table: %w", err)
	}
	return &r.entry, nil
}

func (r *spoolReader) readEntry(e *spoolEntry) error {
	switch e.kind {
	case spoolEnd:
		return nil
	case spoolAnnouncement:
		number, err := binary.ReadUvarint(r.from)
		if err == nil {
			e.message = r.spool.announced[number]
		}
		return err
	case spoolTruncate:
		return r.readPosition(&e.position)
	}
	op, err := r.from.ReadByte()
	if err != nil {
		return err
	}
	e.row.Op = change.Op(op)
	if err := r.readPosition(&e.position); err != nil {
		return err
	}
	e.row.Position = e.position
	flags, err := r.from.ReadByte()
	if err != nil {
		return err
	}
	e.row.OldFull = flags&spoolOldFull != 0
	r.bytes = r.bytes[:0]
	if flags&spoolOld != 0 {
		if r.old, err = r.readTuple(r.old[:0]); err != nil {
			return err
		}
		e.row.Old = r.old
	}
	if flags&spoolNew != 0 {
		if r.new, err = r.readTuple(r.new[:0]); err != nil {
			return err
		}
		e.row.New = r.new
	}
	return nil
}

func (r *spoolReader) readPosition(p *change.Position) error {
	commit, err := binary.ReadUvarint(r.from)
	if err != nil {
		return err
	}
	p.Commit = change.LSN(commit)
	p.Seq, err = binary.ReadUvarint(r.from)
	return err
}

func (r *spoolReader) readTuple(into []change.Datum) ([]change.Datum, error) {
	n, err := binary.ReadUvarint(r.from)
	if err != nil {
		return nil, err
	}
	for range n {
		format, err := r.from.ReadByte()
		if err != nil {
			return nil, err
		}
		size, err := binary.ReadUvarint(r.from)
		if err != nil {
			return nil, err
		}
		d := change.Datum{Format: change.Format(format)}
		if d.Format == change.Text || d.Format == change.Binary {
			// Room that has been given away stays with the values in it when more is
			// taken.
			from := len(r.bytes)
			r.bytes = append(r.bytes, make([]byte, size)...)
			d.Bytes = r.bytes[from:]
			if _, err := io.ReadFull(r.from, d.Bytes); err != nil {
				return nil, err
			}
		}
		into = append(into, d)
	}
	return into, nil
}
