package sandbox

import "syscall"

// capDacOverride is CAP_DAC_OVERRIDE of linux/capability.h: pass the permission checks of files and directories.
const capDacOverride = 1

func passDirectories(attr *syscall.SysProcAttr) {
	attr.AmbientCaps = append(attr.AmbientCaps, capDacOverride)
}
