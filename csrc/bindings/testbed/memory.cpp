// Stores in memory under the engines, and a server on one.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <string>

#include "bindings/engines/runtime_handle.hpp"
#include "bindings/engines/tuning.hpp"
#include "bindings/testbed/bind.hpp"
#include "bindings/values/profile.hpp"
#include "simulation/memory.hpp"
#include "simulation/memory_client.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using simulation::MemoryClientStore;
using simulation::MemoryState;

std::shared_ptr<const simulation::MemoryPartition>
find_partition(MemoryState& state, const std::string& app_id, const std::string& key) {
    std::lock_guard lock(state.mutex);
    auto found = state.ids.find({app_id, key});
    if (found == state.ids.end())
        throw py::key_error(key);
    return state.partitions.at(found->second);
}

void bind_server_store(py::module_& m) {
    py::class_<MemoryState, std::shared_ptr<MemoryState>>(m, "MemoryStore")
        .def(py::init([](std::uint64_t seed) {
                 auto state = std::make_shared<MemoryState>();
                 state->seed = seed;
                 return state;
             }),
             py::arg("seed") = 0)
        .def("copy", &MemoryState::copy)
        .def(
            "fail_commit",
            [](MemoryState& state, bool stored) {
                state.commit_fault =
                    stored ? MemoryState::CommitFault::unanswered : MemoryState::CommitFault::lost;
            },
            py::arg("stored"))
        .def("fail_append", [](MemoryState& state) { state.append_fault = true; })
        .def("fail_page", [](MemoryState& state) { state.page_fault = true; })
        .def("entries",
             [](MemoryState& state, const std::string& app_id, const std::string& key) {
                 py::list result;
                 for (const auto& entry : find_partition(state, app_id, key)->entries)
                     result.append(py::make_tuple(entry->file_ident, entry->client_version,
                                                  py::bytes(entry->changeset)));
                 return result;
             })
        .def("files", [](MemoryState& state, const std::string& app_id, const std::string& key) {
            py::dict result;
            for (const auto& [ident, file] : find_partition(state, app_id, key)->files)
                result[py::int_(ident)] =
                    py::make_tuple(file.stored.client_version, file.stored.server_version,
                                   file.locked_server_version);
            return result;
        });
}

std::unique_ptr<ServerHandle> memory_server(std::shared_ptr<MemoryState> state, unsigned workers,
                                            std::uint64_t seed, const std::string& merge_profile,
                                            const py::dict& tuning) {
    return std::make_unique<ServerHandle>(
        std::make_unique<simulation::MemoryStore>(std::move(state), to_profile(merge_profile)),
        workers, seed, to_tuning<ServerTuning>(tuning));
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
        .def("received",
             [](MemoryClientStore& s) {
                 py::list result;
                 for (const auto& r : s.received())
                     result.append(py::make_tuple(r.server_version, r.client_version,
                                                  r.origin_file_ident, r.instructions));
                 return result;
             })
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
}

} // namespace realmsync::bindings::testbed
