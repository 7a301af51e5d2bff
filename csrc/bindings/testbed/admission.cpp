// The server's rules by themselves (partitions/admission.hpp), on tuples.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/testbed/bind.hpp"
#include "bindings/values/errors.hpp"
#include "changeset/codec.hpp"
#include "partitions/admission.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using partitions::ClientFile;
using partitions::Head;
using Cursor = std::pair<std::uint64_t, std::uint64_t>;
using Salted = std::pair<std::uint64_t, std::int64_t>;
// salt, user, cursor, locked version, acknowledged cursor and head, expired
using FileTuple =
    std::tuple<std::int64_t, std::string, Cursor, std::uint64_t, Cursor, std::uint64_t, bool>;
using UploadTuple = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, py::bytes>;

Head to_head(const Cursor& versions) {
    Head head;
    std::tie(head.version, head.base_version) = versions;
    return head;
}

std::optional<ClientFile> to_file(const std::optional<FileTuple>& tuple) {
    if (!tuple)
        return std::nullopt;
    const auto& [salt, user, cursor, locked, ack, ack_head, expired] = *tuple;
    return ClientFile{salt,      user,       cursor.first, cursor.second, locked,
                      ack.first, ack.second, ack_head,     expired,       0};
}

FileTuple to_tuple(const ClientFile& f) {
    return {f.salt,
            f.user_id,
            {f.client_version, f.base_server_version},
            f.locked_server_version,
            {f.ack_client_version, f.ack_server_version},
            f.ack_head,
            f.expired};
}

server::AppendRequest to_request(const std::vector<UploadTuple>& uploads, const Cursor& progress,
                                 std::uint64_t locked) {
    server::AppendRequest request;
    request.progress = {progress.first, progress.second};
    request.locked_server_version = locked;
    for (const auto& [version, base, origin, bytes] : uploads)
        request.changesets.push_back(
            {version, base, 0, origin,
             unwrap(changeset::parse(std::make_shared<const std::string>(bytes)))});
    return request;
}

py::object admit(const Cursor& head, const std::optional<FileTuple>& file,
                 std::optional<std::int64_t> latest_salt, const std::string& user,
                 const Salted& ident, const Cursor& download, const Salted& latest) {
    const Head rows = to_head(head);
    const auto stored = to_file(file);
    const auto result = partitions::admit({rows, stored ? &*stored : nullptr, latest_salt},
                                          {user,
                                           {ident.first, ident.second},
                                           {download.first, download.second},
                                           {latest.first, latest.second}});
    if (const auto* refusal = std::get_if<server::Refusal>(&result))
        return py::int_(static_cast<int>(refusal->code));
    const auto& bound = std::get<server::BoundFile>(result);
    return py::make_tuple(
        py::make_tuple(bound.threshold.client_version, bound.threshold.server_version),
        bound.locked_server_version, bound.head);
}

std::optional<int> check_uploads(const Cursor& head, const std::optional<FileTuple>& file,
                                 const std::vector<UploadTuple>& uploads, const Cursor& progress) {
    const auto stored = to_file(file);
    const auto refusal = partitions::check_uploads(to_head(head), stored ? &*stored : nullptr,
                                                   to_request(uploads, progress, 0));
    return refusal ? std::optional(static_cast<int>(refusal->code)) : std::nullopt;
}

std::vector<std::uint64_t> left_to_integrate(const FileTuple& file,
                                             const std::vector<UploadTuple>& uploads) {
    auto request = to_request(uploads, {}, 0);
    partitions::drop_integrated(*to_file(file), request);
    std::vector<std::uint64_t> versions;
    for (const auto& upload : request.changesets)
        versions.push_back(upload.client_version);
    return versions;
}

FileTuple advance(const FileTuple& file, const std::vector<UploadTuple>& uploads,
                  const Cursor& progress, std::uint64_t locked, std::uint64_t head_version) {
    return to_tuple(partitions::advance(*to_file(file), to_request(uploads, progress, locked),
                                        head_version, 0));
}

} // namespace

void bind_admission(py::module_& m) {
    m.def("admit", &admit, py::kw_only(), py::arg("head"), py::arg("file"), py::arg("latest_salt"),
          py::arg("user"), py::arg("ident"), py::arg("download"), py::arg("latest"));
    m.def("check_uploads", &check_uploads, py::kw_only(), py::arg("head"), py::arg("file"),
          py::arg("uploads"), py::arg("progress"));
    m.def("left_to_integrate", &left_to_integrate, py::arg("file"), py::arg("uploads"));
    m.def("advance", &advance, py::arg("file"), py::kw_only(), py::arg("uploads"),
          py::arg("progress"), py::arg("locked"), py::arg("head_version"));
    m.def(
        "is_sound", [](const FileTuple& file) { return partitions::is_sound(*to_file(file)); },
        py::arg("file"));
    m.def(
        "is_advance",
        [](const FileTuple& before, const FileTuple& after) {
            return partitions::is_advance(*to_file(before), *to_file(after));
        },
        py::arg("before"), py::arg("after"));
}

} // namespace realmsync::bindings::testbed
