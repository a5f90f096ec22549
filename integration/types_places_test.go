package integration

// placeSamples are of the network and of the plane.
var placeSamples = []sample{
	{typ: "inet", column: text, values: both(words("0.0.0.0 10.1.2.3 10.1.2.3/8 0.0.0.0/0 ::/0 :: ::1 ::2 ::1.2.3.4 ::ffff:1.2.3.4/96 1:0:0:2::3 2001:db8::/32 fe80::1:2:3:4 1:2:3:4:5:6:: 1:0:2:3:4:5:6:7 ::ffff:1:2:3"), printed(
		"255.255.255.255/32", "255.255.255.255", "1:0:0:2:0:0:0:3", "1:0:0:2::3", "1:0:0:2:0:0:3:4", "1::2:0:0:3:4", "::1/128", "::1", "::1:0", "::0.1.0.0", "FE80::1", "fe80::1", "0:0:1:2:3:4:5:6", "::1:2:3:4:5:6", "::5:ffff:0:0", "::5:ffff:0:0"))},
	{typ: "cidr", column: text, values: both(words("0.0.0.0/0 10.0.0.0/8 10.1.2.3/32 ::/0 ::1/128 2001:db8::/32"), printed("192.168/16", "192.168.0.0/16", "10", "10.0.0.0/8"))},
	{typ: "macaddr", column: text, values: both(words("08:00:2b:01:02:03 ff:ff:ff:ff:ff:ff 00:00:00:00:00:00"), printed("08002B:010203", "08:00:2b:01:02:03"))},
	{typ: "macaddr8", column: text, values: both(words("08:00:2b:01:02:03:04:05 ff:ff:ff:ff:ff:ff:ff:ff"), printed("08:00:2b:01:02:03", "08:00:2b:ff:fe:01:02:03"))},
	{typ: "point", column: text, values: both(words("(0,0) (0.1,-2) (1.5,-2.25) (NaN,Infinity) (-Infinity,0.30000000000000004)"), printed("(-0,1e23)", "(-0,9.999999999999999e+22)", "(1e-5,123456789012345678)", "(1e-05,1.2345678901234568e+17)", "1, 2", "(1,2)"))},
	{typ: "line", column: text, values: both(words("{1,-1,0}"), printed("{0.1,2,-3e20}", "{0.1,2,-3e+20}", "[(0,0),(1,1)]", "{1,-1,0}"))},
	{typ: "lseg", column: text, values: both(words("[(1,2),(3,4.5)] [(0,0),(0,0)]"), printed("((1,1),(2,2))", "[(1,1),(2,2)]"))},
	{typ: "box", column: text, values: both(words("(3,4),(1,2) (0.1,0.2),(-0.1,-0.2)"), printed("(1,2),(3,4)", "(3,4),(1,2)"))},
	{typ: "path", column: text, values: words("[(1,2),(3,4)] ((1,2),(3,4),(5,6)) [(0,0)]")},
	{typ: "polygon", column: text, values: words("((1,2),(3,4),(5,6)) ((0,0)) ((0,0),(1,1),(2,0))")},
	{typ: "circle", column: text, values: both(words("<(1,2),3>"), printed("<(0.1,-0.2),1e20>", "<(0.1,-0.2),1e+20>", "((0,0),0)", "<(0,0),0>"))},
}
