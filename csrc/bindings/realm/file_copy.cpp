// A copy of a realm file in Python: made on one thread, stopped from any other.
#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "bindings/realm/file_copy.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/file_copy.hpp"
#include "realm/realm_file.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

class FileCopy {
  public:
    FileCopy(std::shared_ptr<realm::RealmFile> file, realm::CopyRequest request)
        : file_(std::move(file)), request_(std::move(request)) {
        request_.stop = &stop_;
    }
    // Once. The file is let go before anybody hears of the end: they may delete it at once, while
    // the thread of this call still ends.
    void run() {
        const auto file = std::move(file_);
        realm::write_copy(file->path(), request_);
    }
    void stop() { stop_ = true; }

  private:
    std::shared_ptr<realm::RealmFile> file_; // stays open until then
    realm::CopyRequest request_;
    std::atomic<bool> stop_ = false;
};

} // namespace

void bind_file_copy(py::module_& m) {
    py::enum_<realm::CopyKind>(m, "CopyKind")
        .value("local", realm::CopyKind::local)
        .value("synced", realm::CopyKind::synced)
        .value("whole", realm::CopyKind::whole);
    py::class_<FileCopy>(m, "FileCopy")
        .def(py::init([](std::shared_ptr<realm::RealmFile> file, std::string path,
                         realm::CopyKind kind, bool is_synced, bool is_durable, std::uint64_t now) {
                 return std::make_unique<FileCopy>(
                     std::move(file),
                     realm::CopyRequest{std::move(path), kind, is_synced, is_durable, now});
             }),
             py::arg("file"), py::arg("path"), py::arg("kind") = realm::CopyKind::whole,
             py::kw_only(), py::arg("is_synced") = false, py::arg("is_durable") = true,
             py::arg("now") = 0)
        .def("run", &FileCopy::run, py::call_guard<WithoutGil>())
        .def("stop", &FileCopy::stop);
}

} // namespace realmsync::bindings
