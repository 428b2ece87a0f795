// python/core_module.cc: vmsim._core, the compiled half of the Python package.
//
// Thin on purpose: it moves a scenario in and a result out. Names, defaults, documentation and
// exceptions are Python's (python/vmsim). The interpreter's lock is released while a simulation
// runs.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "python/guarded_run.h"
#include "scenarios/result.pb.h"
#include "scenarios/result_json.h"
#include "scenarios/runner.h"
#include "scenarios/scenario_reader.h"
#include "sim/check.h"
#include "vm/invariants.h"

namespace py = pybind11;

namespace vmsim::python {
namespace {

// What a caller of vmsim.run asked for. Exactly one of `path` and `text` is set.
struct Request {
  std::optional<std::string> path;
  std::optional<std::string> text;
  std::optional<std::string> base_dir;
  std::vector<std::string> sets;
  scenarios::RunOptions options;
};

absl::StatusOr<v1::Result> ReadAndRun(Request request, const std::atomic<bool>& stop) {
  scenarios::ReadOptions read;
  read.overrides = std::move(request.sets);
  absl::StatusOr<scenarios::ScenarioFile> file =
      request.path.has_value() ? scenarios::ReadScenario(*request.path, read)
                               : scenarios::ParseScenario(*request.text, "<text>", read);
  if (!file.ok()) return file.status();
  request.options.base_dir = request.base_dir.value_or(file->base_dir);
  request.options.progress = [&stop](const scenarios::Progress&) { return !stop.load(); };
  return scenarios::RunScenario(file->scenario, request.options, file->place);
}

// Whether a signal handler of Python raised an exception, such as KeyboardInterrupt. It stays
// pending.
bool SignalRaised() {
  const py::gil_scoped_acquire lock;
  return PyErr_CheckSignals() != 0;
}

[[noreturn]] void ThrowStatus(const absl::Status& status) {
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  py::object from_status = py::module_::import("vmsim._errors").attr("from_status");
  const py::object error =
      from_status(absl::StatusCodeToString(status.code()), std::string(status.message()));
  PyErr_SetObject(py::type::handle_of(error).ptr(), error.ptr());
  throw py::error_already_set();
}

std::shared_ptr<v1::Result> Run(std::optional<std::string> path, std::optional<std::string> text,
                                std::optional<std::string> base_dir, std::optional<uint64_t> seed,
                                std::vector<std::string> sets, std::optional<int64_t> max_events,
                                std::optional<int64_t> max_wall_ms, const std::string& check,
                                std::optional<int64_t> check_interval_events,
                                const std::string& variant) {
  if (path.has_value() == text.has_value()) throw py::type_error("give one of path and text");
  Request request;
  request.path = std::move(path);
  request.text = std::move(text);
  request.base_dir = std::move(base_dir);
  request.sets = std::move(sets);
  request.options.seed = seed;
  request.options.max_events = max_events.value_or(0);
  request.options.max_wall_ms = max_wall_ms.value_or(0);
  const std::optional<vm::CheckLevel> level = vm::ParseCheckLevel(check);
  if (!level.has_value()) throw py::value_error("check is 'off', 'cheap' or 'full'");
  request.options.check = *level;
  request.options.check_interval_events = check_interval_events.value_or(0);
  request.options.variant = variant;

  auto result = std::make_shared<v1::Result>();
  absl::Status status;
  {
    const py::gil_scoped_release unlock;
    status = RunGuarded(
        [request = std::move(request), result](const std::atomic<bool>& stop) {
          absl::StatusOr<v1::Result> outcome = ReadAndRun(request, stop);
          if (outcome.ok()) *result = *std::move(outcome);
          return outcome.status();
        },
        SignalRaised);
  }
  if (!status.ok() || PyErr_Occurred() != nullptr) ThrowStatus(status);
  return result;
}

// A view of `values` that keeps `owner` alive and cannot be written through.
py::array Column(const google::protobuf::RepeatedField<int64_t>& values, const py::object& owner) {
  static_assert(sizeof(int64_t) == 8);
  py::array column(py::dtype::of<int64_t>(), {values.size()}, {8}, values.data(), owner);
  column.attr("setflags")(py::arg("write") = false);
  return column;
}

py::dict Series(const py::object& self) {
  const v1::Series& series = self.cast<const v1::Result&>().series();
  py::dict columns;
  columns["time_ns"] = Column(series.time_ns(), self);
  for (const v1::SeriesColumn& column : series.columns()) {
    columns[py::str(column.name())] = Column(column.values(), self);
  }
  return columns;
}

std::shared_ptr<v1::Result> Variant(const v1::Result& result, int index) {
  if (index < 0 || index >= result.variants_size()) throw py::index_error("no such variant");
  return std::make_shared<v1::Result>(result.variants(index).result());
}

std::shared_ptr<v1::Result> Parse(const py::bytes& data) {
  auto result = std::make_shared<v1::Result>();
  if (!result->ParseFromString(std::string(data))) {
    throw py::value_error("these bytes are not a result of vmsim");
  }
  return result;
}

// Breaks an invariant as a bug would, so that tests can see what comes of it.
void BreakInvariant() {
  absl::Status status;
  {
    const py::gil_scoped_release unlock;
    status = RunGuarded(
        [](const std::atomic<bool>&) {
          CHECK(false, "broken on request");
          return absl::OkStatus();
        },
        SignalRaised);
  }
  ThrowStatus(status);
}

}  // namespace
}  // namespace vmsim::python

PYBIND11_MODULE(_core, module) {
  using vmsim::v1::Result;
  module.doc() = "The compiled half of vmsim. Not for direct use.";
  py::class_<Result, std::shared_ptr<Result>>(module, "Result")
      .def_static("parse", &vmsim::python::Parse, py::arg("data"))
      .def("serialize", [](const Result& result) { return py::bytes(result.SerializeAsString()); })
      .def("variant", &vmsim::python::Variant, py::arg("index"))
      .def("series", &vmsim::python::Series)
      .def("to_json", [](const Result& result) { return vmsim::scenarios::ResultToJson(result); });
  module.def("run", &vmsim::python::Run, py::arg("path"), py::arg("text"), py::arg("base_dir"),
             py::arg("seed"), py::arg("sets"), py::arg("max_events"), py::arg("max_wall_ms"),
             py::arg("check"), py::arg("check_interval_events"), py::arg("variant"));
  module.def("break_invariant", &vmsim::python::BreakInvariant);
}
