// Stores of simulations under the engines, and a server on one.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/engines/runtime_handle.hpp"
#include "bindings/engines/tuning.hpp"
#include "bindings/testbed/bind.hpp"
#include "bindings/values/profile.hpp"
#include "simulation/memory_client.hpp"
#include "simulation/recording_store.hpp"
#include "simulation/server_storage.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using simulation::MemoryClientStore;
using simulation::ServerStorage;

void bind_server_store(py::module_& m) {
    using Commit = simulation::StoreFaults::Commit;
    py::class_<ServerStorage, std::shared_ptr<ServerStorage>>(m, "MemoryStore")
        .def(py::init<std::uint64_t>(), py::arg("seed") = 0)
        .def("copy", &ServerStorage::copy)
        .def("cut_power", [](ServerStorage& self) { self.disk().cut_power(); })
        .def(
            "fail_write", [](ServerStorage& self, int count) { self.disk().fail_write(count); },
            py::arg("count") = 1)
        .def(
            "fail_sync", [](ServerStorage& self, int count) { self.disk().fail_sync(count); },
            py::arg("count") = 1)
        .def(
            "limit", [](ServerStorage& self, std::uint64_t bytes) { self.disk().limit(bytes); },
            py::arg("bytes"))
        .def("used", [](ServerStorage& self) { return self.disk().used(); })
        .def(
            "fail_commit",
            [](ServerStorage& self, bool stored) {
                self.faults().commit = stored ? Commit::unanswered : Commit::lost;
            },
            py::arg("stored"))
        .def("fail_append", [](ServerStorage& self) { self.faults().append = true; })
        .def("fail_page", [](ServerStorage& self) { self.faults().page = true; })
        .def("entries",
             [](ServerStorage& self, const std::string& app_id, const std::string& key) {
                 std::vector<ServerStorage::Entry> entries;
                 if (!self.read_entries(app_id, key, entries))
                     throw py::key_error(key);
                 py::list result;
                 for (const auto& entry : entries)
                     result.append(py::make_tuple(entry.file_ident, entry.client_version,
                                                  py::bytes(entry.changeset)));
                 return result;
             })
        .def("files", [](ServerStorage& self, const std::string& app_id, const std::string& key) {
            std::vector<ServerStorage::File> files;
            if (!self.read_files(app_id, key, files))
                throw py::key_error(key);
            py::dict result;
            for (const auto& file : files)
                result[py::int_(file.ident)] = py::make_tuple(
                    file.client_version, file.base_server_version, file.locked_server_version);
            return result;
        });
}

std::unique_ptr<ServerHandle> memory_server(ServerStorage& storage, unsigned workers,
                                            std::uint64_t seed, const std::string& merge_profile,
                                            const py::dict& tuning) {
    return std::make_unique<ServerHandle>(storage.start(to_profile(merge_profile)), workers, seed,
                                          to_tuning<ServerTuning>(tuning));
}

template <class Store> py::list received(Store& store) {
    py::list result;
    for (const auto& r : store.received())
        result.append(py::make_tuple(r.server_version, r.client_version, r.origin_file_ident,
                                     r.instructions));
    return result;
}

void bind_recording_store(py::module_& m) {
    using simulation::RecordingStore;
    py::class_<RecordingStore, client::ClientStore, std::shared_ptr<RecordingStore>>(
        m, "RecordingStore")
        .def(py::init<std::shared_ptr<client::ClientStore>>(), py::arg("store"))
        .def("received", &received<RecordingStore>);
}

void bind_client_store(py::module_& m) {
    py::class_<MemoryClientStore, client::ClientStore, std::shared_ptr<MemoryClientStore>>(
        m, "MemoryClientStore")
        .def(py::init<>())
        .def("commit",
             [](MemoryClientStore& s, const py::bytes& changeset, std::uint64_t timestamp) {
                 std::string bytes = changeset;
                 py::gil_scoped_release unlocked;
                 return s.commit(std::move(bytes), timestamp);
             })
        .def("fail_integration",
             [](MemoryClientStore& s, const std::string& kind) {
                 s.fail_integration(kind == "bad_progress" ? ErrorKind::bad_progress
                                                           : ErrorKind::bad_changeset);
             })
        .def("received", &received<MemoryClientStore>)
        .def("state", [](MemoryClientStore& s) {
            const client::ClientState t = s.state();
            py::dict d;
            d["file_ident"] = t.file.ident;
            d["current_version"] = t.current_version;
            d["uploaded_version"] = t.uploaded_version;
            d["download"] = py::make_tuple(t.progress.download.server_version,
                                           t.progress.download.client_version);
            d["upload"] =
                py::make_tuple(t.progress.upload.client_version, t.progress.upload.server_version);
            return d;
        });
}

} // namespace

void bind_memory(py::module_& m) {
    bind_server_store(m);
    m.def("memory_server", &memory_server, py::arg("store"), py::kw_only(), py::arg("workers") = 0,
          py::arg("seed") = 0, py::arg("merge_profile") = "safe", py::arg("tuning") = py::dict());
    bind_client_store(m);
    bind_recording_store(m);
}

} // namespace realmsync::bindings::testbed
