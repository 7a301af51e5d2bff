// The merge engine for tests and inspection: on plain tuples, and as a whole peer in memory.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <deque>

#include "bindings/bind.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/profile.hpp"
#include "bindings/values/state_form.hpp"
#include "changeset/codec.hpp"
#include "merge/transform.hpp"
#include "realm/merge_peer.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using WindowTuple = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, py::bytes>;
using IncomingTuple = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, py::bytes>;

changeset::Changeset parse(const py::bytes& bytes) {
    return unwrap(changeset::parse(std::make_shared<const std::string>(bytes)));
}

class ListedWindow : public merge::Window {
  public:
    std::vector<merge::WindowEntry> entries; // ascending
    py::dict reciprocals;

    std::vector<merge::WindowEntry> entries_after(std::uint64_t base) override {
        std::erase_if(entries, [&](const auto& entry) { return entry.version <= base; });
        return std::move(entries);
    }
    void store_reciprocal(const merge::WindowEntry& entry, std::string_view bytes) override {
        reciprocals[py::int_(entry.version)] = py::bytes(bytes.data(), bytes.size());
    }
};

py::tuple transform(const std::vector<WindowTuple>& window,
                    const std::vector<IncomingTuple>& incoming, const std::string& profile) {
    ListedWindow listed;
    for (const auto& [version, timestamp, ident, bytes] : window)
        listed.entries.push_back(
            {.version = version, .origin = {timestamp, ident}, .changeset = parse(bytes)});
    std::deque<changeset::Changeset> changesets;
    std::vector<merge::Incoming> list;
    for (const auto& [base, timestamp, ident, bytes] : incoming)
        list.push_back({base, {timestamp, ident}, &changesets.emplace_back(parse(bytes))});
    unwrap(merge::transform(listed, list, to_profile(profile)));
    py::list transformed;
    for (const auto& changeset : changesets)
        transformed.append(py::bytes(changeset::encode(changeset)));
    return py::make_tuple(transformed, listed.reciprocals);
}

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
        py::gil_scoped_release unlocked;
        result = peer.integrate(remote_ident, changesets);
    }
    return py::bytes(result);
}

} // namespace

void bind_merge(py::module_& m) {
    m.def("transform", &transform, py::arg("window"), py::arg("incoming"),
          py::arg("profile") = "strict");
    py::class_<realm::MergePeer>(m, "MergePeer")
        .def(py::init([](std::uint64_t file_ident, const std::string& profile) {
                 return std::make_unique<realm::MergePeer>(file_ident, to_profile(profile));
             }),
             py::arg("file_ident"), py::arg("profile") = "strict")
        .def(
            "commit",
            [](realm::MergePeer& self, const py::bytes& changeset, std::uint64_t timestamp) {
                std::string bytes = changeset;
                py::gil_scoped_release unlocked;
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
