// What realmsync.inspect.MergePeer is made of: a whole peer of the merge engine, in memory.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/profile.hpp"
#include "bindings/values/state_form.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/merge_peer.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using ReceivedTuple =
    std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, py::bytes>;

py::bytes integrate(realm::MergePeer& peer, std::uint64_t remote_ident,
                    const std::vector<ReceivedTuple>& received) {
    std::vector<realm::ReceivedChangeset> changesets;
    changesets.reserve(received.size());
    for (const auto& [version, base, timestamp, ident, bytes] : received)
        changesets.push_back(
            {version, base, timestamp, ident, std::make_shared<const std::string>(bytes)});
    std::string result;
    {
        WithoutGil unlocked;
        result = peer.integrate(remote_ident, changesets);
    }
    return py::bytes(result);
}

} // namespace

void bind_merge(py::module_& m) {
    py::class_<realm::MergePeer>(m, "MergePeer")
        .def(py::init([](std::uint64_t file_ident, const std::string& profile) {
                 return std::make_unique<realm::MergePeer>(file_ident, to_profile(profile));
             }),
             py::arg("file_ident"), py::arg("profile") = "strict")
        .def(
            "commit",
            [](realm::MergePeer& self, const py::bytes& changeset, std::uint64_t timestamp) {
                std::string bytes = changeset;
                WithoutGil unlocked;
                return self.commit(std::move(bytes), timestamp);
            },
            py::arg("changeset"), py::arg("timestamp"))
        .def("integrate", &integrate, py::arg("remote_file_ident"), py::arg("changesets"))
        .def("state",
             [](realm::MergePeer& self) {
                 return self.read([](tables::Tables& tables) {
                     return StateForm(tables, tables::kOnlyPartition).state();
                 });
             })
        .def_property_readonly("version", &realm::MergePeer::version)
        .def_property_readonly("file_ident", &realm::MergePeer::file_ident);
}

} // namespace realmsync::bindings
