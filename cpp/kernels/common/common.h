// The kernels that every table shares: integers, bool, casts, selection, and the reductions in
// which the order of additions cannot show. Compiled once, at the baseline instruction set.
#pragma once

#include "kernels/kernel_table.h"

namespace chainrule::kernels {

void fill_common_integers(KernelTable& table);
void fill_common_predicates(KernelTable& table);
void fill_common_casts(KernelTable& table);
void fill_common_selection(KernelTable& table);
void fill_common_reductions(KernelTable& table);
void fill_common_products(KernelTable& table);

inline void fill_common(KernelTable& table) {
  fill_common_integers(table);
  fill_common_predicates(table);
  fill_common_casts(table);
  fill_common_selection(table);
  fill_common_reductions(table);
  fill_common_products(table);
}

}  // namespace chainrule::kernels
