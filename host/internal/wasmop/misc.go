package wasmop

// misc has the instructions after the prefix 0xFC.
var misc = [256]Info{
	// name, immediates, pops, pushes, type, align, weight, flags
	0:  {"i32.trunc_sat_f32_s", ImmNone, 1, 1, i32, 0, 1, Trunc},
	1:  {"i32.trunc_sat_f32_u", ImmNone, 1, 1, i32, 0, 1, Trunc},
	2:  {"i32.trunc_sat_f64_s", ImmNone, 1, 1, i32, 0, 1, Trunc},
	3:  {"i32.trunc_sat_f64_u", ImmNone, 1, 1, i32, 0, 1, Trunc},
	4:  {"i64.trunc_sat_f32_s", ImmNone, 1, 1, i64, 0, 1, Trunc},
	5:  {"i64.trunc_sat_f32_u", ImmNone, 1, 1, i64, 0, 1, Trunc},
	6:  {"i64.trunc_sat_f64_s", ImmNone, 1, 1, i64, 0, 1, Trunc},
	7:  {"i64.trunc_sat_f64_u", ImmNone, 1, 1, i64, 0, 1, Trunc},
	8:  {"memory.init", ImmDataMemory, 3, 0, 0, 0, 10, Bulk},
	9:  {"data.drop", ImmData, 0, 0, 0, 0, 1, DropsSegment},
	10: {"memory.copy", ImmMemoryMemory, 3, 0, 0, 0, 10, Bulk},
	11: {"memory.fill", ImmMemory, 3, 0, 0, 0, 10, Bulk},
	12: {"table.init", ImmElemTable, 3, 0, 0, 0, 10, Bulk | TableOp | ChangesTable},
	13: {"elem.drop", ImmElem, 0, 0, 0, 0, 1, TableOp | ChangesTable},
	14: {"table.copy", ImmTableTable, 3, 0, 0, 0, 10, Bulk | TableOp | ChangesTable},
	15: {"table.grow", ImmTable, 2, 1, i32, 0, 0, Grow | TableOp | ChangesTable},
	16: {"table.size", ImmTable, 0, 1, i32, 0, 1, TableOp},
	17: {"table.fill", ImmTable, 3, 0, 0, 0, 10, Bulk | TableOp | ChangesTable},
}
