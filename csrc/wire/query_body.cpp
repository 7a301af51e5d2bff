#include "wire/query_body.hpp"

#include "wire/json.hpp"

namespace realmsync::wire {

Result<QueryBody> parse_query_body(std::string_view json) {
    return as_result([&] {
        Json object = parse_or_raise(json);
        if (!object.is_object())
            raise(ErrorKind::bad_message, "The query set is no JSON object");
        QueryBody body;
        for (auto& [name, text] : object.items()) {
            if (!text.is_string())
                raise(ErrorKind::bad_message, "The query of class '" + name + "' is no text");
            body.emplace(name, std::move(text.get_ref<std::string&>()));
        }
        return body;
    });
}

std::string
format_query_body(const std::map<std::string, std::set<std::string>, std::less<>>& texts) {
    Json object = Json::object();
    for (const auto& [name, alternatives] : texts) {
        std::string joined;
        for (const std::string& alternative : alternatives)
            joined += (joined.empty() ? "(" : " OR (") + alternative + ")";
        object[name] = std::move(joined);
    }
    return dump_json(object);
}

Result<FlexibleBind> parse_flexible_bind(std::string_view json) {
    if (json.empty())
        return FlexibleBind{};
    return as_result([&] {
        const Json object = parse_or_raise(json);
        const Keys keys(object);
        FlexibleBind bind;
        if (keys.has("migratedPartition"))
            bind.migrated_partition = keys.string("migratedPartition");
        if (keys.has("schemaVersion"))
            bind.schema_version = keys.natural("schemaVersion");
        if (keys.has("sessionReason"))
            bind.is_after_reset = keys.integer("sessionReason") == 1;
        return bind;
    });
}

std::string format_flexible_bind(const FlexibleBind& bind) {
    Json object = {{"schemaVersion", bind.schema_version},
                   {"sessionReason", bind.is_after_reset ? 1 : 0}};
    if (bind.migrated_partition)
        object["migratedPartition"] = *bind.migrated_partition;
    return dump_json(object);
}

} // namespace realmsync::wire
