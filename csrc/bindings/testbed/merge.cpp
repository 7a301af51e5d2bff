// The merge engine on plain tuples; a whole peer is bound for realmsync.inspect.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <deque>

#include "bindings/testbed/bind.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/profile.hpp"
#include "changeset/codec.hpp"
#include "merge/transform.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

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

} // namespace

void bind_merge(py::module_& m) {
    m.def("transform", &transform, py::arg("window"), py::arg("incoming"),
          py::arg("profile") = "strict");
}

} // namespace realmsync::bindings::testbed
