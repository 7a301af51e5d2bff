// The server runtime for Python: plain numbers and bytes, no policy. The transport calls receive
// and next_message through the C functions of bridge.h; whoever has no transport passes bytes.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/bind.hpp"
#include "bindings/engines/app_classes.hpp"
#include "bindings/engines/runtime_handle.hpp"
#include "bindings/engines/tuning.hpp"
#include "bindings/values/durability.hpp"
#include "bindings/values/profile.hpp"
#include "bindings/values/without_gil.hpp"
#include "partitions/app_stores.hpp"
#include "rules/session_roles.hpp"
#include "runtime/machine.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

// Longer messages are handled without the GIL: copying them takes more than a few microseconds.
constexpr std::size_t kLongMessage = 16 << 10;

OwnHandle<ServerHandle>
open_server(const std::string& directory, unsigned workers, std::optional<std::uint64_t> seed,
            const std::optional<std::vector<std::string>>& apps,
            const std::vector<std::string>& fixed_schemas, std::int64_t ahead_ms,
            const std::array<std::uint64_t, 3>& quotas, const std::string& durability,
            const std::string& merge_profile, bool asks_permission, const py::dict& tuning) {
    StoreTuning store_tuning;
    store_tuning.ahead_ms = ahead_ms;
    store_tuning.partitions_per_user = quotas[0];
    store_tuning.files_per_user = quotas[1];
    store_tuning.bytes_per_user = quotas[2];
    std::vector<partitions::AppStores::App> all;
    const auto add = [&](const std::string& id) {
        all.push_back({id, std::ranges::find(fixed_schemas, id) == fixed_schemas.end()});
    };
    if (apps)
        std::ranges::for_each(*apps, add);
    else
        add("");
    const auto stores = std::make_shared<partitions::AppStores>(
        directory, all, store_tuning,
        partitions::ClockAndChance{runtime::unix_ms, runtime::random_bits},
        to_durability(durability), to_profile(merge_profile));
    return OwnHandle<ServerHandle>(new ServerHandle(
        [stores](const std::string& app_id) { return stores->take(app_id); },
        [stores](const std::string& app_id) { stores->add(app_id); }, workers,
        // for connection ids and the spread of restarts:
        seed ? *seed : runtime::random_bits(), to_tuning<ServerTuning>(tuning), asks_permission));
}

void receive(ServerHandle& self, server::ConnectionId connection, const py::bytes& data,
             std::int64_t now) {
    const auto message = static_cast<std::string_view>(data);
    std::optional<WithoutGil> release;
    if (message.size() > kLongMessage)
        release.emplace();
    self.runtime().receive(connection, message, now);
}

// `permission` is the value of a realmsync.Permission.
void authorize(ServerHandle& self, server::ConnectionId connection, std::uint64_t session,
               std::uint64_t question, const std::optional<std::string>& permission,
               std::int64_t now) {
    std::optional<server::Permission> known;
    if (permission) {
        using server::Permission;
        known = *permission == "write"  ? Permission::write
                : *permission == "read" ? Permission::read
                                        : Permission::none;
    }
    self.runtime().authorize(connection, session, question, known, now);
}

server::PartitionType to_partition_type(const std::optional<std::string>& name) {
    using server::PartitionType;
    if (!name)
        return PartitionType::any;
    if (*name == "string")
        return PartitionType::string;
    if (*name == "objectId")
        return PartitionType::object_id;
    if (*name == "long" || *name == "int")
        return PartitionType::integer;
    if (*name == "uuid")
        return PartitionType::uuid;
    throw py::value_error("no type of partitions: " + *name);
}

server::SyncMode to_sync_mode(const std::string& name) {
    using server::SyncMode;
    if (name == "both")
        return SyncMode::both;
    if (name == "partition")
        return SyncMode::partition;
    if (name == "flexible")
        return SyncMode::flexible;
    throw py::value_error("no mode of sync: " + name);
}

using Names = std::set<std::string, std::less<>>;

void configure_app(ServerHandle& self, const std::string& app_id, const std::string& sync_mode,
                   bool development_mode, bool paused, const std::string& partition_key,
                   const std::optional<std::string>& partition_type, bool partition_required,
                   double max_offline_days, bool recovery,
                   const std::vector<std::string>& queryable,
                   const std::map<std::string, std::vector<std::string>>& queryable_by_class,
                   const std::optional<std::string>& indexed_queryable,
                   const std::optional<std::set<std::uint64_t>>& schema_versions,
                   std::int64_t now) {
    constexpr double kDay = 86'400'000; // ms
    if (!(max_offline_days >= 0 && max_offline_days <= 1'000'000))
        throw py::value_error("max_offline_days is a number of days, 0: any time");
    server::AppSettings settings;
    settings.sync_mode = to_sync_mode(sync_mode);
    settings.in_development = development_mode;
    settings.is_paused = paused;
    settings.partition_key = partition_key;
    settings.partition_type = to_partition_type(partition_type);
    settings.needs_partition = partition_required;
    settings.max_offline_ms = static_cast<std::int64_t>(max_offline_days * kDay);
    settings.may_recover = recovery;
    settings.queryable.of_all = Names(queryable.begin(), queryable.end());
    for (const auto& [cls, names] : queryable_by_class)
        settings.queryable.of_class[cls] = Names(names.begin(), names.end());
    settings.queryable.indexed = indexed_queryable;
    settings.schema_versions = schema_versions;
    settings.queryable.takes_all = development_mode || settings.sync_mode == server::SyncMode::both;
    self.runtime().configure_app(app_id, settings, now);
}

void bind_apps(HandleClass<ServerHandle>& c) {
    c.def(
         "add_app",
         [](ServerHandle& self, const std::string& app_id) { self.runtime().add_app(app_id); },
         py::arg("app_id"))
        .def(
            "remove_app",
            [](ServerHandle& self, const std::string& app_id, std::int64_t now) {
                self.runtime().remove_app(app_id, now);
            },
            py::arg("app_id"), py::arg("now_ms"))
        .def("configure_app", &configure_app, py::arg("app_id"), py::kw_only(),
             py::arg("sync_mode") = "both", py::arg("development_mode") = true,
             py::arg("paused") = false, py::arg("partition_key") = "",
             py::arg("partition_type") = py::none(), py::arg("partition_required") = false,
             py::arg("max_offline_days") = 0.0, py::arg("recovery") = true,
             py::arg("queryable") = std::vector<std::string>{},
             py::arg("queryable_by_class") = std::map<std::string, std::vector<std::string>>{},
             py::arg("indexed_queryable") = py::none(), py::arg("schema_versions") = py::none(),
             py::arg("now_ms"));
}

// Each gives the number of the Administered event that answers it.
void bind_administration(HandleClass<ServerHandle>& c) {
    const auto ask = [](ServerHandle& self, const std::string& app_id, server::Administration what,
                        std::int64_t now) {
        return self.runtime().administer(app_id, std::move(what), now);
    };
    c.def(
         "install_schema",
         [ask](ServerHandle& self, const std::string& app_id, const py::sequence& classes,
               std::int64_t now) {
             return ask(self, app_id, server::InstallSchema{to_changeset(classes)}, now);
         },
         py::arg("app_id"), py::arg("classes"), py::arg("now_ms"))
        .def(
            "replace_schema",
            [ask](ServerHandle& self, const std::string& app_id, const py::sequence& classes,
                  std::int64_t now) {
                return ask(self, app_id, server::ReplaceSchema{to_changeset(classes)}, now);
            },
            py::arg("app_id"), py::arg("classes"), py::arg("now_ms"))
        .def(
            "schema",
            [ask](ServerHandle& self, const std::string& app_id, std::int64_t now) {
                return ask(self, app_id, server::ReadSchema{}, now);
            },
            py::arg("app_id"), py::arg("now_ms"))
        .def(
            "force_reset",
            [ask](ServerHandle& self, const std::string& app_id, std::uint64_t file_ident,
                  std::int64_t now) {
                return ask(self, app_id, server::ForceReset{file_ident}, now);
            },
            py::arg("app_id"), py::arg("file_ident"), py::arg("now_ms"))
        .def(
            "terminate",
            [ask](ServerHandle& self, const std::string& app_id, std::int64_t now) {
                return ask(self, app_id, server::Terminate{}, now);
            },
            py::arg("app_id"), py::arg("now_ms"));
}

py::dict stats(ServerHandle& self) {
    const server::Stats stats = self.runtime().stats();
    py::dict result;
    result["connections"] = stats.connections;
    result["sessions"] = stats.sessions;
    result["partitions"] = stats.partitions;
    result["backlog_bytes"] = stats.backlog_bytes;
    result["messages_received"] = stats.messages_received;
    result["messages_sent"] = stats.messages_sent;
    result["changesets_integrated"] = stats.changesets_integrated;
    result["downloads_sent"] = stats.downloads_sent;
    result["session_errors"] = stats.session_errors;
    result["connection_errors"] = stats.connection_errors;
    result["commits"] = self.runtime().commits();
    const auto health = self.runtime().health();
    result["storage_full"] = health.is_full ? 1 : 0;
    result["writing_ms"] = health.writing_ms;
    return result;
}

} // namespace

void bind_server(py::module_& m) {
    HandleClass<ServerHandle> c(m, "ServerRuntime");
    c.def(py::init(&open_server), py::arg("directory"), py::kw_only(), py::arg("workers") = 2,
          py::arg("seed") = py::none(), py::arg("apps") = py::none(),
          py::arg("fixed_schemas") = std::vector<std::string>{}, py::arg("ahead_ms") = 0,
          py::arg("quotas") = std::array<std::uint64_t, 3>{}, py::arg("durability") = "full",
          py::arg("merge_profile") = "safe", py::arg("asks_permission") = false,
          py::arg("tuning") = py::dict());
    bind_loop(c);
    bind_apps(c);
    bind_administration(c);
    c.def("deadline", [](ServerHandle& self) { return self.runtime().deadline(); })
        .def(
            "open_connection",
            [](ServerHandle& self, std::string_view app_id, std::string_view user_id,
               std::string_view subprotocol, std::int64_t now) {
                return self.runtime().open_connection(app_id, user_id, subprotocol, now);
            },
            py::arg("app_id"), py::arg("user_id"), py::arg("subprotocol"), py::arg("now_ms"))
        .def("receive", &receive, py::arg("conn"), py::arg("data"), py::arg("now_ms"))
        .def(
            "refuse",
            [](ServerHandle& self, server::ConnectionId connection, std::string_view first_bytes,
               std::uint64_t size,
               std::int64_t now) { self.runtime().refuse(connection, first_bytes, size, now); },
            py::arg("conn"), py::arg("first_bytes"), py::arg("size"), py::arg("now_ms"))
        .def(
            "revoke",
            [](ServerHandle& self, server::ConnectionId connection, std::int64_t now) {
                self.runtime().revoke(connection, now);
            },
            py::arg("conn"), py::arg("now_ms"))
        .def(
            "take_over",
            [](ServerHandle& self, server::ConnectionId connection, std::int64_t now) {
                self.runtime().take_over(connection, now);
            },
            py::arg("conn"), py::arg("now_ms"))
        .def("authorize", &authorize, py::arg("conn"), py::arg("session"), py::arg("question"),
             py::arg("permission"), py::arg("now_ms"))
        .def(
            "authorize_roles",
            [](ServerHandle& self, server::ConnectionId connection, std::uint64_t session,
               std::uint64_t question, std::shared_ptr<rules::SessionRoles> roles,
               std::int64_t now) {
                self.runtime().authorize_roles(connection, session, question, std::move(roles),
                                               now);
            },
            py::arg("conn"), py::arg("session"), py::arg("question"), py::arg("roles").none(false),
            py::arg("now_ms"))
        .def(
            "reauthorize",
            [](ServerHandle& self, server::ConnectionId connection, std::int64_t now) {
                self.runtime().reauthorize(connection, now);
            },
            py::arg("conn"), py::arg("now_ms"))
        .def(
            "closed",
            [](ServerHandle& self, server::ConnectionId connection, std::int64_t) {
                self.runtime().closed(connection);
            },
            py::arg("conn"), py::arg("now_ms"))
        .def(
            "shutdown", [](ServerHandle& self, std::int64_t now) { self.runtime().shutdown(now); },
            py::arg("now_ms"))
        .def("stats", &stats);
}

} // namespace realmsync::bindings
