// What settings and other host-side effects owe a recording under way.
#pragma once

namespace chainrule::bindings {

// CaptureError naming `what` and the user's line while this thread records, for a replay would not
// repeat it; a recording that gives up instead has ended when this returns. `hint`: how to do
// without, where that is not to do it outside.
void refuse_while_recording(const char* what, const char* hint = nullptr);

}  // namespace chainrule::bindings
