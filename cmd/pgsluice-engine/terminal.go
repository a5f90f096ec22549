package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ebitengine/purego"
)

// openTerminal makes a pseudo terminal and puts one end in the place of standard input. Nobody sits at the other end,
// which it returns. The calls are those of posix_openpt(3), because they are the same on every system.
func openTerminal() (*os.File, error) {
	var (
		posixOpenpt func(flags int32) int32
		grantpt     func(fd int32) int32
		unlockpt    func(fd int32) int32
		ptsname     func(fd int32) string
		dup2        func(from, to int32) int32
	)
	for name, target := range map[string]any{
		"posix_openpt": &posixOpenpt, "grantpt": &grantpt, "unlockpt": &unlockpt, "ptsname": &ptsname, "dup2": &dup2,
	} {
		symbol, err := purego.Dlsym(purego.RTLD_DEFAULT, name)
		if err != nil {
			return nil, fmt.Errorf("find %s in the C library: %w", name, err)
		}
		purego.RegisterFunc(target, symbol)
	}
	master := posixOpenpt(syscall.O_RDWR | syscall.O_NOCTTY)
	if master < 0 {
		return nil, errors.New("make a pseudo terminal: the system has none left")
	}
	syscall.CloseOnExec(int(master))
	if grantpt(master) != 0 || unlockpt(master) != 0 {
		return nil, errors.New("make a pseudo terminal: the system does not grant it")
	}
	slave, err := os.OpenFile(ptsname(master), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("make a pseudo terminal: %w", err)
	}
	defer slave.Close()
	if dup2(int32(slave.Fd()), 0) != 0 {
		return nil, errors.New("make a pseudo terminal: it cannot become standard input")
	}
	return os.NewFile(uintptr(master), "terminal"), nil
}
