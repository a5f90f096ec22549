package sandbox

import "syscall"

// dieWithParent has the kernel end the child when we are gone. SIGQUIT is PostgreSQL's immediate shutdown; a server that
// was on its way out anyway must not take its time then.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }

// watchParent has nothing to do where the kernel does it.
func watchParent(int) (stop func()) { return func() {} }
