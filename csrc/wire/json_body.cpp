// JSON bodies of JSON_ERROR and LOG_MESSAGE (wire-protocol.md 8.9, 9.7, 10.2).
#include <stdexcept>

#include "base/base64.hpp"
#include "wire/error_code.hpp"
#include "wire/json.hpp"
#include "wire/primary_key.hpp"

namespace realmsync::wire {

namespace {

RejectedUpdate read_rejected_update(const Json& element) {
    const Keys keys(element);
    std::optional<std::string> key = base64_decode(keys.string("pk"));
    Keys::expect(key && decode_primary_key(*key), "pk", "primary key in base64");
    return {keys.string("table"), keys.string("reason"), std::move(*key)};
}

ErrorInfo read_error_info(const Keys& keys, std::int32_t code) {
    ErrorInfo info;
    info.message = keys.string("message");
    info.log_url = keys.string("logURL");
    info.should_client_reset = keys.boolean("shouldClientReset");
    info.is_recovery_mode_disabled = keys.boolean("isRecoveryModeDisabled");
    info.try_again = keys.boolean("tryAgain");
    info.action = keys.string("action");
    if (keys.has("backoffIntervalSec"))
        info.backoff = {keys.integer("backoffIntervalSec"), keys.integer("backoffMaxDelaySec"),
                        keys.integer("backoffMultiplier")};
    const bool compensating = code == static_cast<std::int32_t>(Code::compensating_write);
    if (compensating || keys.has("rejectedUpdates")) {
        auto& updates = info.rejected_updates.emplace();
        for (const Json& element : keys.array("rejectedUpdates"))
            updates.push_back(read_rejected_update(element));
        info.rejected_client_version = keys.integer("rejectedClientVersion");
    }
    if (compensating || keys.has("compensatingWriteServerVersion"))
        info.compensating_write_server_version = keys.integer("compensatingWriteServerVersion");
    if (code == static_cast<std::int32_t>(Code::migrate_to_flx)) {
        info.partition_query = keys.string("partitionQuery");
        Keys::expect(!info.partition_query.empty(), "partitionQuery", "non-empty string");
    }
    if (code == static_cast<std::int32_t>(Code::schema_version_changed))
        info.previous_schema_version = keys.natural("previousSchemaVersion");
    return info;
}

void require(bool present, Code code, const char* key) {
    if (!present)
        throw std::logic_error("error " + std::to_string(static_cast<std::int32_t>(code)) +
                               " needs '" + key + "', or the client's process ends");
}

bool is_log_level(std::string_view level) {
    constexpr std::string_view kLevels[] = {"fatal",  "error", "warn", "info",
                                            "detail", "debug", "trace"};
    for (const std::string_view known : kLevels)
        if (level == known)
            return true;
    return false;
}

std::string string_or_empty(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

} // namespace

Result<ErrorInfo> parse_error_info(std::string_view json, std::int32_t code) {
    return as_result([&] {
        const Json object = parse_or_raise(json);
        return read_error_info(Keys(object), code);
    });
}

ErrorInfo error_info(Code code, std::string_view message) {
    const CodeInfo* known = find_code(static_cast<std::int32_t>(code));
    if (known == nullptr || known->lethal)
        throw std::logic_error("no error code that may be sent");
    ErrorInfo info;
    info.message = message;
    info.try_again = known->try_again;
    info.action = known->action;
    info.should_client_reset = known->resets_client;
    return info;
}

std::string format_error_info(Code code, const ErrorInfo& info) {
    const CodeInfo* known = find_code(static_cast<std::int32_t>(code));
    if (known == nullptr || known->lethal)
        throw std::logic_error("no error code that may be sent");
    Json json = {{"message", info.message},
                 {"logURL", info.log_url},
                 {"shouldClientReset", info.should_client_reset},
                 {"isRecoveryModeDisabled", info.is_recovery_mode_disabled},
                 {"tryAgain", info.try_again},
                 {"action", info.action}};
    if (info.backoff) {
        json["backoffIntervalSec"] = info.backoff->interval_s;
        json["backoffMaxDelaySec"] = info.backoff->max_delay_s;
        json["backoffMultiplier"] = info.backoff->multiplier;
    }
    if (code == Code::compensating_write) {
        require(info.rejected_updates.has_value(), code, "rejectedUpdates");
        require(info.compensating_write_server_version.has_value(), code,
                "compensatingWriteServerVersion");
    }
    if (info.rejected_updates) {
        Json& updates = json["rejectedUpdates"] = Json::array();
        for (const RejectedUpdate& update : *info.rejected_updates) {
            require(bool(decode_primary_key(update.key)), code, "pk");
            updates.push_back({{"table", update.table},
                               {"reason", update.reason},
                               {"pk", base64_encode(update.key)}});
        }
        json["rejectedClientVersion"] = info.rejected_client_version;
    }
    if (info.compensating_write_server_version)
        json["compensatingWriteServerVersion"] = *info.compensating_write_server_version;
    require(code != Code::migrate_to_flx || !info.partition_query.empty(), code, "partitionQuery");
    if (!info.partition_query.empty())
        json["partitionQuery"] = info.partition_query;
    require(code != Code::schema_version_changed || info.previous_schema_version, code,
            "previousSchemaVersion");
    if (info.previous_schema_version)
        json["previousSchemaVersion"] = *info.previous_schema_version;
    return dump_json(json);
}

std::string error_body(Code code, std::string_view message) {
    return format_error_info(code, error_info(code, message));
}

std::string client_error_body(std::string_view message) {
    return dump_json({{"message", message}});
}

Result<std::string> parse_client_error(std::string_view json) {
    return as_result([&] {
        const Json object = parse_or_raise(json);
        return Keys(object).string("message");
    });
}

Result<LogInfo> parse_log_info(std::string_view json) {
    return as_result([&] {
        const Json object = parse_or_raise(json);
        if (!object.is_object())
            raise(ErrorKind::bad_message, "The body is no JSON object");
        LogInfo info;
        info.connection_id = string_or_empty(object, "co_id");
        info.message = string_or_empty(object, "msg");
        if (std::string level = string_or_empty(object, "level"); !level.empty()) {
            if (!info.message.empty() && !is_log_level(level))
                raise(ErrorKind::bad_message, "Unknown log level '" + level + "'");
            info.level = std::move(level);
        }
        return info;
    });
}

std::string format_log_info(const LogInfo& info) {
    Json json = {{"level", info.level}, {"msg", info.message}};
    if (!info.connection_id.empty())
        json["co_id"] = info.connection_id;
    return dump_json(json);
}

} // namespace realmsync::wire
