// What no program can hold, in words: what came where, and how to do without.
#include <string_view>

#include "graph/recorder.h"

namespace chainrule::graph {

namespace {
// Hints may end in it.
constexpr std::string_view kOrFallBack = ", or compile(..., fallback=True)";
}  // namespace

// What has happened so far stays: it was run eagerly, as what follows will be.
void ProgramRecorder::refuse(const CaptureError& why) {
  if (!gives_up_) {
    if (!refused_) refused_ = why;
    throw CaptureError(why);
  }
  refusal_ = why.what();
  const size_t known = refusal_.rfind(kOrFallBack);
  if (known != std::string::npos) refusal_.erase(known, kOrFallBack.size());
  stop_listening();
}

void ProgramRecorder::on_read(const char* what, const char* hint) {
  refuse(CaptureError(
      str("[compile] expected no value to leave the program while it is recorded; got ", what,
          at_here(), ". ",
          hint ? hint : "Return the tensor and read it outside, or compile(..., fallback=True).")));
}

void ProgramRecorder::on_shape(const char* what, const char* hint) {
  refuse(CaptureError(
      str("[compile] expected shapes that do not depend on values while recording; got ", what,
          at_here(), ". ", hint ? hint : "Do it outside, or compile(..., fallback=True).")));
}

void ProgramRecorder::on_host_data(const char* what, const char* hint) {
  refuse(CaptureError(str("[compile] expected no new data from Python while recording; got ", what,
                          at_here(), ". ",
                          hint ? hint : "Pass it as an argument by itself, or make it outside.")));
}

void ProgramRecorder::on_host_code(const char* what, const char* hint, const std::string& whose) {
  refuse(CaptureError(str("[compile] expected no ", what, " while recording; got one", whose,
                          at_here(), ". ", hint ? hint : "Do it outside the compiled function.")));
}

}  // namespace chainrule::graph
