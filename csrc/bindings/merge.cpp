// The merge engine on plain tuples, for tests: windows and incoming changesets as lists.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/errors.hpp"
#include "changeset/codec.hpp"
#include "merge/transform.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using WindowTuple = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, py::bytes>;
using IncomingTuple =
    std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, py::bytes>;

std::shared_ptr<changeset::Changeset> parse(const py::bytes& bytes) {
    return std::make_shared<changeset::Changeset>(
        unwrap(changeset::parse(std::make_shared<const std::string>(bytes))));
}

class ListedWindow : public merge::Window {
  public:
    std::vector<merge::WindowEntry> entries; // ascending
    py::dict reciprocals;

    std::vector<merge::WindowEntry> entries_after(std::uint64_t base) override {
        std::vector<merge::WindowEntry> result;
        for (const merge::WindowEntry& entry : entries)
            if (entry.version > base)
                result.push_back(entry);
        return result;
    }
    void store_reciprocal(std::uint64_t version, const changeset::Changeset& changed) override {
        reciprocals[py::int_(version)] = py::bytes(changeset::encode(changed));
    }
};

py::tuple transform(const std::vector<WindowTuple>& window,
                    const std::vector<IncomingTuple>& incoming) {
    ListedWindow listed;
    for (const auto& [version, timestamp, ident, bytes] : window)
        listed.entries.push_back({version, {timestamp, ident}, parse(bytes)});
    std::vector<std::shared_ptr<changeset::Changeset>> changesets;
    std::vector<merge::Incoming> list;
    for (const auto& [version, base, timestamp, ident, bytes] : incoming) {
        changesets.push_back(parse(bytes));
        list.push_back({version, base, {timestamp, ident}, changesets.back().get()});
    }
    unwrap(merge::transform(listed, list));
    py::list transformed;
    for (const auto& changeset : changesets)
        transformed.append(py::bytes(changeset::encode(*changeset)));
    return py::make_tuple(transformed, listed.reciprocals);
}

} // namespace

void bind_merge(py::module_& m) {
    m.def("transform", &transform, py::arg("window"), py::arg("incoming"));
}

} // namespace realmsync::bindings
