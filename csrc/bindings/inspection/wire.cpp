// The wire folder for Python: messages as dicts, for realmsync.inspect and the tests. The engines
// talk to it in C++; nothing here is on the path of a running session.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings/bind.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/without_gil.hpp"
#include "wire/body.hpp"
#include "wire/error_code.hpp"
#include "wire/format.hpp"
#include "wire/parse.hpp"
#include "wire/partition_value.hpp"
#include "wire/primary_key.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using namespace wire;

namespace {

// The borrowed bytes of a Python object that outlives the call.
std::string_view view(const py::handle& bytes) {
    char* data = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0)
        throw py::error_already_set();
    return {data, static_cast<std::size_t>(size)};
}

// Fields of a message into a dict and out of one. Both walk the same lists below.
struct ToDict {
    py::dict dict;

    template <class T> void operator()(const char* name, const T& value) {
        dict[name] = py::cast(value);
    }
    void operator()(const char* name, std::string_view bytes) {
        dict[name] = py::bytes(bytes.data(), bytes.size());
    }
    void operator()(const char* name, BatchState state) { dict[name] = static_cast<int>(state); }
};

struct FromDict {
    const py::dict& dict; // keeps alive what string_views point at

    template <class T> void operator()(const char* name, T& value) {
        value = dict[name].template cast<T>();
    }
    void operator()(const char* name, std::string_view& bytes) { bytes = view(dict[name]); }
    void operator()(const char* name, BatchState& state) {
        state = static_cast<BatchState>(dict[name].cast<std::uint8_t>());
    }
};

template <class Visit> void fields(Visit& visit, FileIdent& file) {
    visit("file_ident", file.ident);
    visit("file_ident_salt", file.salt);
}
template <class Visit> void fields(Visit& visit, DownloadCursor& cursor) {
    visit("download_server_version", cursor.server_version);
    visit("download_client_version", cursor.client_version);
}
template <class Visit> void fields(Visit& visit, UploadCursor& cursor) {
    visit("upload_client_version", cursor.client_version);
    visit("upload_server_version", cursor.server_version);
}
template <class Visit> void fields(Visit& visit, SaltedVersion& latest) {
    visit("latest_server_version", latest.version);
    visit("latest_server_version_salt", latest.salt);
}
template <class Visit> void fields(Visit& visit, Body& body) {
    visit("compressed", body.compressed);
    visit("uncompressed_size", body.uncompressed_size);
    visit("compressed_size", body.compressed_size);
    visit("body", body.bytes);
}

template <class Visit> void fields(Visit& visit, Mark& m) {
    visit("session", m.session);
    visit("request", m.request);
}
template <class Visit> void fields(Visit& visit, TestCommand& m) {
    visit("session", m.session);
    visit("request", m.request);
    visit("body", m.body);
}
template <class Visit> void fields(Visit& visit, JsonError& m) {
    visit("code", m.code);
    visit("session", m.session);
    visit("body", m.body);
}
template <class Visit> void fields(Visit& visit, Bind& m) {
    visit("session", m.session);
    visit("data", m.data);
    visit("token", m.token);
    visit("need_ident", m.need_ident);
    visit("is_subserver", m.is_subserver);
}
template <class Visit> void fields(Visit& visit, ClientIdent& m) {
    visit("session", m.session);
    fields(visit, m.file);
    fields(visit, m.download);
    fields(visit, m.latest);
    visit("query_version", m.query_version);
    visit("query", m.query);
}
template <class Visit> void fields(Visit& visit, Query& m) {
    visit("session", m.session);
    visit("query_version", m.query_version);
    visit("query", m.query);
}
template <class Visit> void fields(Visit& visit, Upload& m) {
    visit("session", m.session);
    fields(visit, m.progress);
    visit("locked_server_version", m.locked_server_version);
    fields(visit, m.body);
}
template <class Visit> void fields(Visit& visit, Unbind& m) { visit("session", m.session); }
template <class Visit> void fields(Visit& visit, Ping& m) {
    visit("timestamp", m.timestamp);
    visit("round_trip", m.round_trip);
}
template <class Visit> void fields(Visit& visit, ServerIdent& m) {
    visit("session", m.session);
    fields(visit, m.file);
}
template <class Visit> void fields(Visit& visit, Download& m) {
    visit("session", m.session);
    fields(visit, m.progress.download);
    fields(visit, m.progress.latest);
    fields(visit, m.progress.upload);
    visit("downloadable_bytes", m.downloadable_bytes);
    visit("query_version", m.query_version);
    visit("batch_state", m.batch_state);
    visit("progress_estimate", m.progress_estimate);
    fields(visit, m.body);
}
template <class Visit> void fields(Visit& visit, Unbound& m) { visit("session", m.session); }
template <class Visit> void fields(Visit& visit, Pong& m) { visit("timestamp", m.timestamp); }
template <class Visit> void fields(Visit& visit, QueryError& m) {
    visit("code", m.code);
    visit("session", m.session);
    visit("query_version", m.query_version);
    visit("message", m.message);
}
template <class Visit> void fields(Visit& visit, LogMessage& m) {
    visit("session", m.session);
    visit("body", m.body);
}
template <class Visit> void fields(Visit& visit, PlainError& m) {
    visit("code", m.code);
    visit("try_again", m.try_again);
    visit("session", m.session);
    visit("message", m.message);
}
template <class Visit> void fields(Visit& visit, UploadEntry& e) {
    visit("client_version", e.client_version);
    visit("server_version", e.server_version);
    visit("origin_timestamp", e.origin_timestamp);
    visit("origin_file_ident", e.origin_file_ident);
    visit("changeset", e.changeset);
}
template <class Visit> void fields(Visit& visit, DownloadEntry& e) {
    visit("server_version", e.server_version);
    visit("client_version", e.client_version);
    visit("origin_timestamp", e.origin_timestamp);
    visit("origin_file_ident", e.origin_file_ident);
    visit("original_size", e.original_size);
    visit("changeset", e.changeset);
}

template <class M> constexpr std::string_view kTypeWord = "";
template <> constexpr std::string_view kTypeWord<Mark> = "mark";
template <> constexpr std::string_view kTypeWord<TestCommand> = "test_command";
template <> constexpr std::string_view kTypeWord<JsonError> = "json_error";
template <> constexpr std::string_view kTypeWord<Bind> = "bind";
template <> constexpr std::string_view kTypeWord<ClientIdent> = "ident";
template <> constexpr std::string_view kTypeWord<Query> = "query";
template <> constexpr std::string_view kTypeWord<Upload> = "upload";
template <> constexpr std::string_view kTypeWord<Unbind> = "unbind";
template <> constexpr std::string_view kTypeWord<Ping> = "ping";
template <> constexpr std::string_view kTypeWord<ServerIdent> = "ident";
template <> constexpr std::string_view kTypeWord<Download> = "download";
template <> constexpr std::string_view kTypeWord<Unbound> = "unbound";
template <> constexpr std::string_view kTypeWord<Pong> = "pong";
template <> constexpr std::string_view kTypeWord<QueryError> = "query_error";
template <> constexpr std::string_view kTypeWord<LogMessage> = "log_message";
template <> constexpr std::string_view kTypeWord<PlainError> = "error";

template <class M> py::dict to_dict(M message) {
    ToDict out;
    if constexpr (!kTypeWord<M>.empty())
        out.dict["type"] = py::str(kTypeWord<M>.data());
    fields(out, message);
    return out.dict;
}

template <class M> M from_dict(const py::dict& dict) {
    M message;
    FromDict in{dict};
    fields(in, message);
    return message;
}

template <class... Ms>
std::variant<Ms...> message_from_dict(const py::dict& dict, std::variant<Ms...> message) {
    const auto type = dict["type"].cast<std::string>();
    const bool known = ((type == kTypeWord<Ms> && (message = from_dict<Ms>(dict), true)) || ...);
    if (!known)
        throw py::value_error("this side sends no message of type '" + type + "'");
    return message;
}

Mode mode_of(const std::string& mode) {
    if (mode == "partition")
        return Mode::partition;
    if (mode == "flexible")
        return Mode::flexible;
    throw py::value_error("mode is 'partition' or 'flexible'");
}

py::dict decode_message(const py::bytes& data, bool from_client, const std::string& mode,
                        int version) {
    const auto as_dict = [](const auto& m) { return to_dict(m); };
    if (from_client)
        return std::visit(as_dict, unwrap(parse_client_message(view(data), mode_of(mode))));
    return std::visit(as_dict, unwrap(parse_server_message(view(data), mode_of(mode), version)));
}

py::bytes encode_message(const py::dict& message, bool from_client, const std::string& mode,
                         int version) {
    if (from_client)
        return format(message_from_dict(message, ClientMessage()), mode_of(mode));
    return format(message_from_dict(message, ServerMessage()), mode_of(mode), version);
}

py::bytes unpack_body(const py::bytes& data, bool compressed, std::uint64_t uncompressed_size,
                      std::uint64_t limit) {
    const Body body{compressed, uncompressed_size, 0, view(data)};
    auto plain = [&] {
        WithoutGil release;
        return plain_body(body, limit);
    }();
    return py::bytes(*unwrap(std::move(plain)));
}

py::tuple pack(const py::bytes& data) {
    std::string plain(view(data));
    const PackedBody packed = [&] {
        WithoutGil release;
        return pack_body(std::move(plain));
    }();
    return py::make_tuple(packed.compressed, py::bytes(packed.bytes));
}

template <class Entry> py::list entries_to_list(const std::vector<Entry>& entries) {
    py::list list;
    for (const Entry& entry : entries)
        list.append(to_dict(entry));
    return list;
}

py::list decode_entries(const py::bytes& plain, bool from_client) {
    if (from_client)
        return entries_to_list(unwrap(parse_upload_entries(view(plain))));
    return entries_to_list(unwrap(parse_download_entries(view(plain))));
}

py::bytes encode_entries(const py::list& entries, bool from_client) {
    std::string plain;
    for (const py::handle entry : entries) {
        const auto dict = entry.cast<py::dict>();
        if (from_client)
            append_entry(plain, from_dict<UploadEntry>(dict));
        else
            append_entry(plain, from_dict<DownloadEntry>(dict));
    }
    return plain;
}

// Partition values and primary keys: None, int, str, bytes of 12 (ObjectId) or 16 (UUID).
template <class Id> Id id_from(std::string_view bytes) {
    Id id;
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
}
template <class Id> py::bytes id_bytes(const Id& id) {
    return py::bytes(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

PartitionValue partition_from(const py::object& value) {
    if (value.is_none())
        return {};
    if (py::isinstance<py::str>(value))
        return value.cast<std::string>();
    if (py::isinstance<py::int_>(value) && !py::isinstance<py::bool_>(value))
        return value.cast<std::int64_t>();
    if (py::isinstance<py::bytes>(value) && py::len(value) == 12)
        return id_from<ObjectId>(view(value));
    if (py::isinstance<py::bytes>(value) && py::len(value) == 16)
        return id_from<Uuid>(view(value));
    throw py::type_error("expected None, int, str, or the bytes of an ObjectId or UUID");
}

py::bytes encode_key(const py::object& value) {
    const PartitionValue owned = partition_from(value); // the same types
    return encode_primary_key(as_key(owned));
}

py::object decode_key(const py::bytes& data) {
    const Key key = unwrap(decode_primary_key(view(data)));
    switch (key.type) {
    case Type::integer: return py::int_(key.integer);
    case Type::string: return py::str(key.string.data(), key.string.size());
    case Type::object_id: return id_bytes(key.object_id);
    case Type::uuid: return id_bytes(key.uuid);
    default: return py::none();
    }
}

template <class Visit> void fields(Visit& visit, ErrorInfo& info) {
    visit("message", info.message);
    visit("log_url", info.log_url);
    visit("should_client_reset", info.should_client_reset);
    visit("is_recovery_mode_disabled", info.is_recovery_mode_disabled);
    visit("try_again", info.try_again);
    visit("action", info.action);
    visit("rejected_client_version", info.rejected_client_version);
    visit("compensating_write_server_version", info.compensating_write_server_version);
    visit("partition_query", info.partition_query);
    visit("previous_schema_version", info.previous_schema_version);
}

py::dict error_to_dict(const ErrorInfo& info) {
    py::dict dict = to_dict(info);
    dict["backoff"] = py::none();
    if (info.backoff)
        dict["backoff"] = py::make_tuple(info.backoff->interval_s, info.backoff->max_delay_s,
                                         info.backoff->multiplier);
    dict["rejected_updates"] = py::none();
    if (info.rejected_updates) {
        py::list updates;
        for (const RejectedUpdate& update : *info.rejected_updates)
            updates.append(py::dict(py::arg("table") = update.table,
                                    py::arg("reason") = update.reason,
                                    py::arg("key") = py::bytes(update.key)));
        dict["rejected_updates"] = updates;
    }
    return dict;
}

ErrorInfo error_from_dict(const py::dict& dict) {
    ErrorInfo info = from_dict<ErrorInfo>(dict);
    if (const py::object backoff = dict["backoff"]; !backoff.is_none()) {
        const auto [interval, longest, multiplier] =
            backoff.cast<std::tuple<std::int64_t, std::int64_t, std::int64_t>>();
        info.backoff = {interval, longest, multiplier};
    }
    if (const py::object updates = dict["rejected_updates"]; !updates.is_none()) {
        info.rejected_updates.emplace();
        for (const py::handle update : updates)
            info.rejected_updates->push_back({update["table"].cast<std::string>(),
                                              update["reason"].cast<std::string>(),
                                              std::string(view(update["key"]))});
    }
    return info;
}

py::list error_codes() {
    py::list list;
    for (const CodeInfo& c : code_table())
        list.append(py::dict(
            py::arg("code") = c.code, py::arg("name") = py::str(std::string(c.name)),
            py::arg("status") = py::str(std::string(c.status)),
            py::arg("status_code") = c.status_code,
            py::arg("connection") = c.level == Level::connection,
            py::arg("try_again") = c.try_again, py::arg("action") = py::str(std::string(c.action)),
            py::arg("lethal") = c.lethal));
    return list;
}

py::dict log_to_dict(const LogInfo& info) {
    return py::dict(py::arg("connection_id") = info.connection_id, py::arg("level") = info.level,
                    py::arg("message") = info.message);
}

void bind_json_bodies(py::module_& m) {
    m.def("error_codes", &error_codes);
    m.def("is_legal_level", &is_legal_level, py::arg("code"), py::arg("session"));
    m.def("error_body", [](std::int32_t code, const std::string& message) {
        return py::bytes(error_body(static_cast<Code>(code), message));
    });
    m.def("decode_error_body", [](const py::bytes& body, std::int32_t code) {
        return error_to_dict(unwrap(parse_error_info(view(body), code)));
    });
    m.def("encode_error_body", [](const py::dict& info, std::int32_t code) {
        return py::bytes(format_error_info(static_cast<Code>(code), error_from_dict(info)));
    });
    m.def("decode_client_error_body",
          [](const py::bytes& body) { return unwrap(parse_client_error(view(body))); });
    m.def("encode_client_error_body",
          [](const std::string& message) { return py::bytes(client_error_body(message)); });
    m.def("decode_log_body",
          [](const py::bytes& body) { return log_to_dict(unwrap(parse_log_info(view(body)))); });
    m.def("encode_log_body", [](const std::string& connection_id, const std::string& level,
                                const std::string& message) {
        return py::bytes(format_log_info({connection_id, level, message}));
    });
    m.def("encode_primary_key", &encode_key);
    m.def("decode_primary_key", &decode_key);
}

} // namespace

void bind_wire(py::module_& m) {
    m.def("decode_message", &decode_message, py::arg("data"), py::arg("from_client"),
          py::arg("mode") = "partition", py::arg("version") = 14);
    m.def("encode_message", &encode_message, py::arg("message"), py::arg("from_client"),
          py::arg("mode") = "partition", py::arg("version") = 14);
    m.def("unpack_body", &unpack_body, py::arg("data"), py::arg("compressed"),
          py::arg("uncompressed_size"), py::arg("limit"));
    m.def("pack_body", &pack, py::arg("plain"));
    m.def("decode_entries", &decode_entries, py::arg("plain"), py::arg("from_client"));
    m.def("encode_entries", &encode_entries, py::arg("entries"), py::arg("from_client"));
    m.def("canonical_partition",
          [](const std::string& text) { return unwrap(canonical_partition(text)); });
    m.def("format_partition",
          [](const py::object& value) { return format_partition_value(partition_from(value)); });
    bind_json_bodies(m);
}

} // namespace realmsync::bindings
