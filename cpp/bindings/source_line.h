// Tells the recorder which line of Python it is that calls.
#pragma once

namespace chainrule::bindings {

void bind_source_line();

}  // namespace chainrule::bindings
