// The sources of this folder are compiled once per instruction-set level. Everything in them sits
// in anonymous namespaces; what leaves an object is one function per family,
// CHAINRULE_ENTRY(family), for example fill_elementwise_v3, which writes the family's slots into a
// table.
#pragma once

#include "kernels/kernel_table.h"

#define CHAINRULE_PASTE2(family, isa) fill_##family##_##isa
#define CHAINRULE_PASTE(family, isa) CHAINRULE_PASTE2(family, isa)
#define CHAINRULE_ENTRY(family) CHAINRULE_PASTE(family, CHAINRULE_ISA_NAME)
