// The naive table: one obvious loop per slot, real maths in long double and libm, sums in long
// double in the data's order. It is the oracle of the tests and runs on any processor. Compiled
// once, at the baseline instruction set. Slots that no other table is clever about come from
// common/.
#pragma once

#include "kernels/kernel_table.h"

namespace chainrule::kernels {

void fill_product_reference(KernelTable& table);  // product.cpp
void fill_reference_maths(KernelTable& table);
void fill_reference_reductions(KernelTable& table);
void fill_reference_rows(KernelTable& table);
void fill_reference_normalize(KernelTable& table);
void fill_reference_columns(KernelTable& table);
void fill_reference_pool(KernelTable& table);
void fill_reference_recurrence(KernelTable& table);
void fill_reference_random(KernelTable& table);
void fill_reference_optim(KernelTable& table);

inline void fill_reference(KernelTable& table) {
  fill_product_reference(table);
  fill_reference_maths(table);
  fill_reference_reductions(table);
  fill_reference_rows(table);
  fill_reference_normalize(table);
  fill_reference_columns(table);
  fill_reference_pool(table);
  fill_reference_recurrence(table);
  fill_reference_random(table);
  fill_reference_optim(table);
}

}  // namespace chainrule::kernels
