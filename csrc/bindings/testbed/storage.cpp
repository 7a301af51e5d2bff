// The storages of simulations, a client's and a server's, and a server on one.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/engines/runtime_handle.hpp"
#include "bindings/engines/tuning.hpp"
#include "bindings/testbed/bind.hpp"
#include "bindings/values/profile.hpp"
#include "simulation/client_storage.hpp"
#include "simulation/server_storage.hpp"
#include "views/value_bytes.hpp"
#include "wire/primary_key.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using simulation::ClientStorage;
using simulation::ServerStorage;

// The faults of the disk below a storage.
template <class Class> void bind_disk(Class& type) {
    using Storage = typename Class::type;
    type.def(
            "fail_write", [](Storage& self, int count) { self.disk().fail_write(count); },
            py::arg("count") = 1)
        .def(
            "fail_sync", [](Storage& self, int count) { self.disk().fail_sync(count); },
            py::arg("count") = 1)
        .def(
            "limit", [](Storage& self, std::uint64_t bytes) { self.disk().limit(bytes); },
            py::arg("bytes"))
        .def(
            "doom", [](Storage& self, int count) { self.disk().doom(count); }, py::arg("count"))
        .def("kill", [](Storage& self) { self.disk().kill(); })
        .def(
            "cut_power", [](Storage& self, std::uint64_t chance) { self.disk().cut_power(chance); },
            py::arg("chance") = 0)
        .def("used", [](Storage& self) { return self.disk().used(); })
        .def("writes", [](Storage& self) { return self.disk().writes(); });
}

void bind_server_storage(py::module_& m) {
    using Commit = simulation::StoreFaults::Commit;
    py::class_<ServerStorage, std::shared_ptr<ServerStorage>> type(m, "ServerStorage");
    bind_disk(type);
    type.def(py::init<std::uint64_t, int>(), py::arg("seed") = 0,
             py::arg("checkpoint_pages") = StoreTuning{}.checkpoint_pages)
        .def("copy", &ServerStorage::copy)
        .def("jump_clock", &ServerStorage::jump_clock, py::arg("ms"))
        .def(
            "fail_commit",
            [](ServerStorage& self, bool stored) {
                self.faults().commit = stored ? Commit::unanswered : Commit::lost;
            },
            py::arg("stored"))
        .def("fail_append", [](ServerStorage& self) { self.faults().append = true; })
        .def("fail_page", [](ServerStorage& self) { self.faults().page = true; })
        .def("fail_page_memory", [](ServerStorage& self) { self.faults().page_memory = true; })
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
        .def("files",
             [](ServerStorage& self, const std::string& app_id, const std::string& key) {
                 std::vector<ServerStorage::File> files;
                 if (!self.read_files(app_id, key, files))
                     throw py::key_error(key);
                 py::dict result;
                 for (const auto& file : files)
                     result[py::int_(file.ident)] = py::make_tuple(
                         file.client_version, file.base_server_version, file.locked_server_version);
                 return result;
             })
        .def("compensations",
             [](ServerStorage& self, const std::string& app_id, const std::string& key) {
                 std::vector<ServerStorage::Compensation> found;
                 if (!self.read_compensations(app_id, key, found))
                     throw py::key_error(key);
                 py::list result;
                 for (const auto& one : found)
                     result.append(py::make_tuple(
                         one.file_ident, one.version, one.client_version, one.cls,
                         py::bytes(wire::encode_primary_key(views::ValueReader(one.key).key())),
                         one.reason));
                 return result;
             });
}

OwnHandle<ServerHandle> start_server(ServerStorage& storage, unsigned workers, std::uint64_t seed,
                                     const std::string& merge_profile, bool asks_permission,
                                     const py::dict& tuning) {
    return OwnHandle<ServerHandle>(new ServerHandle(
        storage.start(to_profile(merge_profile)), [](const std::string&) {}, workers, seed,
        to_tuning<ServerTuning>(tuning), asks_permission));
}

void bind_client_storage(py::module_& m) {
    py::class_<ClientStorage, client::ClientStore, std::shared_ptr<ClientStorage>> type(
        m, "ClientStorage");
    bind_disk(type);
    type.def(py::init<int>(), py::arg("checkpoint_pages") = RealmTuning{}.checkpoint_pages)
        .def("reopen", &ClientStorage::reopen)
        .def_property_readonly("file", &ClientStorage::file)
        .def("fail_integration",
             [](ClientStorage& self, const std::string& kind) {
                 self.fail_integration(kind == "bad_progress" ? ErrorKind::bad_progress
                                                              : ErrorKind::bad_changeset);
             })
        .def("received", [](ClientStorage& self) {
            py::list result;
            for (const auto& r : self.received())
                result.append(py::make_tuple(r.server_version, r.client_version,
                                             r.origin_file_ident, r.instructions));
            return result;
        });
}

} // namespace

void bind_storage(py::module_& m) {
    bind_server_storage(m);
    m.def("start_server", &start_server, py::arg("storage"), py::kw_only(), py::arg("workers") = 0,
          py::arg("seed") = 0, py::arg("merge_profile") = "safe",
          py::arg("asks_permission") = false, py::arg("tuning") = py::dict());
    bind_client_storage(m);
}

} // namespace realmsync::bindings::testbed
