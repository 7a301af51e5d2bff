// A session's BIND: its partition, and whether its app has clients of this mode and of this version
// of the schema at all. One that has gone over to the other mode takes them along (flexible-sync.md
// 15 and 16, server-behaviour.md 6.3).
#include <utility>

#include "server/connection.hpp"
#include "server/context.hpp"
#include "server/session.hpp"
#include "views/partition_query.hpp"
#include "wire/query_body.hpp"

namespace realmsync::server {

using wire::Code;

namespace {
constexpr int kFirstWithSchemaVersion = 11; // protocol version
} // namespace

// None: the session or its connection has failed.
std::optional<wire::PartitionValue> Session::parse_partition(std::string_view text) {
    auto value = wire::parse_partition_value(text);
    if (value)
        return std::move(*value);
    const Code code = wire::protocol_code(value.error());
    if (code == Code::illegal_realm_path)
        fail(code, value.error().message);
    else
        connection_.fail(code, value.error().message);
    return std::nullopt;
}

std::optional<std::string> Session::partition_key(const wire::Bind& message) {
    if (connection_.is_flexible()) {
        auto bind = wire::parse_flexible_bind(message.data);
        if (!bind) {
            connection_.fail(wire::protocol_code(bind.error()), bind.error().message);
            return std::nullopt;
        }
        if (bind->migrated_partition) {
            auto value = parse_partition(*bind->migrated_partition);
            if (!value)
                return std::nullopt;
            migrated_from_ = std::make_shared<const wire::PartitionValue>(std::move(*value));
        }
        if (connection_.version() >= kFirstWithSchemaVersion)
            schema_version_ = bind->schema_version;
        if (!require_mode(nullptr) || !require_schema_version())
            return std::nullopt;
        return std::string(kFlexibleLog);
    }
    auto value = parse_partition(message.data);
    if (!value)
        return std::nullopt;
    if (!require_mode(&*value))
        return std::nullopt;
    if (const auto fault = illegal_partition(context_.settings_of(connection_.owner()), *value)) {
        fail(Code::illegal_realm_path, *fault);
        return std::nullopt;
    }
    return wire::format_partition_value(*value);
}

bool Session::require_mode(const wire::PartitionValue* value) {
    const AppSettings& settings = context_.settings_of(connection_.owner());
    if (takes(settings, value ? wire::Mode::partition : wire::Mode::flexible))
        return true;
    if (value && !settings.partition_key.empty()) {
        wire::ErrorInfo info =
            wire::error_info(Code::migrate_to_flx, "This app has gone over to flexible sync");
        info.partition_query = views::partition_query(settings.partition_key, *value);
        fail(Code::migrate_to_flx, info);
    } else if (migrated_from_) {
        fail(Code::revert_to_pbs, "This app has gone back to partition-based sync");
    } else {
        connection_.refuse_mode();
    }
    return false;
}

bool Session::require_schema_version() {
    const auto& known = context_.settings_of(connection_.owner()).schema_versions;
    if (!schema_version_ || !known || known->contains(*schema_version_))
        return true;
    fail(Code::bad_schema_version,
         "This app has no schema version " + std::to_string(*schema_version_));
    return false;
}

void Session::on_bind(const wire::Bind& message) {
    const auto key = partition_key(message);
    if (!key)
        return;
    partition_ = &context_.partitions.find_or_add(connection_.app_id(), *key);
    handle_ = partition_->handle;
    partition_->sessions.emplace(binding_, this);
    if (message.need_ident)
        state_ = SessionState::allocating_ident;
    if (context_.asks_permission)
        return ask_permission();
    permission_ = Permission::write;
    if (connection_.is_flexible())
        roles_ = rules::SessionRoles::everything();
    enter_partition();
}

} // namespace realmsync::server
