// A realm file from inside: what is stored, and the calls of its session one by one, which a
// client's engine makes on worker threads.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/testbed/bind.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/state_form.hpp"
#include "bindings/values/without_gil.hpp"
#include "changeset/codec.hpp"
#include "realm/local_history.hpp"
#include "realm/realm_file.hpp"
#include "tuning.hpp"
#include "wire/body.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using realm::RealmFile;

using Cursor = std::pair<std::uint64_t, std::uint64_t>;

py::dict state(RealmFile& file) {
    const auto s = [&] {
        WithoutGil unlocked;
        return file.state();
    }();
    py::dict result;
    result["version"] = s.current_version;
    result["uploaded_version"] = s.uploaded_version;
    result["uploaded_bytes"] = s.uploaded_bytes;
    result["uploadable_bytes"] = s.uploadable_bytes;
    result["downloaded_bytes"] = s.downloaded_bytes;
    result["downloadable_bytes"] = s.downloadable_bytes;
    result["file_ident"] = s.file.ident;
    result["download"] =
        Cursor(s.progress.download.server_version, s.progress.download.client_version);
    result["upload"] = Cursor(s.progress.upload.client_version, s.progress.upload.server_version);
    return result;
}

py::dict objects(RealmFile& file) {
    py::dict result;
    file.read([&](realm::RealmConnection& connection) {
        result = StateForm(connection.tables, tables::kOnlyPartition).state();
    });
    return result;
}

py::list history(RealmFile& file) {
    std::vector<realm::local_history::KeptEntry> kept;
    file.read([&](realm::RealmConnection& connection) {
        kept = realm::local_history::entries(connection.db);
    });
    py::list entries;
    for (const auto& e : kept) {
        py::dict entry;
        entry["version"] = e.version;
        entry["remote_version"] = e.remote_version;
        entry["origin_ident"] = e.origin_ident;
        entry["origin_timestamp"] = e.origin_timestamp;
        entry["changeset"] = py::bytes(e.changeset);
        entry["reciprocal"] = e.reciprocal ? py::object(py::bytes(*e.reciprocal)) : py::none();
        entries.append(entry);
    }
    return entries;
}

void integrate(RealmFile& file,
               const std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t,
                                            std::uint64_t, py::bytes>>& changesets,
               Cursor download, Cursor upload, std::pair<std::uint64_t, std::int64_t> latest,
               std::uint64_t downloadable) {
    client::Integration integration;
    integration.progress = {{latest.first, latest.second},
                            {download.first, download.second},
                            {upload.first, upload.second}};
    integration.downloadable_bytes = downloadable;
    for (const auto& [version, base, timestamp, ident, bytes] : changesets) {
        auto data = std::make_shared<const std::string>(std::string(bytes));
        const std::uint64_t size = data->size();
        integration.changesets.push_back(
            {version, base, timestamp, ident, size, unwrap(changeset::parse(std::move(data)))});
    }
    auto result = [&] {
        WithoutGil release;
        return file.integrate(std::move(integration));
    }();
    unwrap(std::move(result));
}

std::pair<py::list, Cursor> fetch_upload(RealmFile& file, std::uint64_t client,
                                         std::uint64_t server, std::uint64_t soft,
                                         std::uint64_t hard) {
    const auto upload = file.fetch_upload({{client, server}}, {soft, hard});
    const auto plain = unwrap(wire::plain_body(upload.body.view(), UINT64_MAX));
    py::list entries;
    for (const auto& e : unwrap(wire::parse_upload_entries(*plain)))
        entries.append(py::make_tuple(e.client_version, e.server_version, e.origin_timestamp,
                                      py::bytes(std::string(e.changeset))));
    return {entries, {upload.progress.client_version, upload.progress.server_version}};
}

std::uint64_t commit_changeset(RealmFile& file, const py::bytes& changeset,
                               std::uint64_t timestamp) {
    auto bytes = std::make_shared<const std::string>(changeset);
    WithoutGil unlocked;
    return file.commit_changeset(bytes, timestamp);
}

} // namespace

void bind_realm_file(py::module_& m) {
    m.def("state", &state, py::arg("file"));
    m.def("history", &history, py::arg("file"));
    m.def("objects", &objects, py::arg("file"));
    m.def("commit_changeset", &commit_changeset, py::arg("file"), py::arg("changeset"),
          py::arg("timestamp"));
    m.def(
        "store_ident",
        [](RealmFile& file, std::uint64_t ident, std::int64_t salt) {
            file.store_ident({ident, salt});
        },
        py::arg("file"), py::arg("ident"), py::arg("salt"));
    m.def("integrate", &integrate, py::arg("file"), py::arg("changesets"), py::arg("download"),
          py::arg("upload") = Cursor{0, 0},
          py::arg("latest") = std::pair<std::uint64_t, std::int64_t>{0, 0},
          py::arg("downloadable_bytes") = 0);
    m.def("fetch_upload", &fetch_upload, py::arg("file"), py::arg("client_version"),
          py::arg("server_version"), py::arg("soft") = ClientTuning{}.upload_soft_bytes,
          py::arg("hard") = ClientTuning{}.upload_hard_bytes);
    m.def("close_idle", &RealmFile::close_idle, py::arg("file"), py::call_guard<WithoutGil>());
}

} // namespace realmsync::bindings::testbed
