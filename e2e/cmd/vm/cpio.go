package main

import (
	"bytes"
	"fmt"
)

// archive is an initramfs in the making: a cpio archive of the form that the kernel calls newc. It is not compressed,
// because an emulated processor takes longer to unpack it than qemu to load it.
type archive struct {
	buf   bytes.Buffer
	inode int
}

const (
	cpioFolder = 0o040755
	cpioFile   = 0o100755
)

func (a *archive) folder(name string) { a.entry(name, cpioFolder, nil) }

func (a *archive) file(name string, data []byte) { a.entry(name, cpioFile, data) }

// bytes closes the archive.
func (a *archive) bytes() []byte {
	a.entry("TRAILER!!!", 0, nil)
	return a.buf.Bytes()
}

func (a *archive) entry(name string, mode int, data []byte) {
	a.inode++
	header := []int{a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0}
	a.buf.WriteString("070701")
	for _, field := range header {
		fmt.Fprintf(&a.buf, "%08x", field)
	}
	a.buf.WriteString(name + "\x00")
	a.pad()
	a.buf.Write(data)
	a.pad()
}

// pad fills up to a multiple of four bytes, where header and data must begin.
func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}
