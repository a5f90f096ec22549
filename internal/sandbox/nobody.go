package sandbox

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom PostgreSQL runs as. It refuses to run as root, so root lends it to nobody.
type account struct {
	uid, gid int
	other    bool // not ourselves
}

func postgresAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and there is no other user to run it as: %w", err)
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		return account{}, err
	}
	return account{uid: uid, gid: gid, other: true}, nil
}

// attributes starts a child as this account. The child has to be able to reach each of the given paths; where the
// permissions of a directory on the way forbid it (a checkout under /root, a test's temporary directory), the child
// keeps the capability to pass.
func (a account) attributes(paths ...string) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if !a.other {
		return attr
	}
	attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	for _, path := range paths {
		if !a.reaches(path) {
			passDirectories(attr)
			break
		}
	}
	return attr
}

// reaches says whether the account may enter every directory above path.
func (a account) reaches(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		enter := info.Mode().Perm() & 0o001
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			switch {
			case int(stat.Uid) == a.uid:
				enter = info.Mode().Perm() & 0o100
			case int(stat.Gid) == a.gid:
				enter = info.Mode().Perm() & 0o010
			}
		}
		if enter == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// own gives a directory of ours to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}
