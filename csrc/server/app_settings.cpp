#include "server/app_settings.hpp"

namespace realmsync::server {

namespace {

const char* name_of(PartitionType type) { // as configurations have it
    switch (type) {
    case PartitionType::string: return "string";
    case PartitionType::object_id: return "objectId";
    case PartitionType::integer: return "long";
    case PartitionType::uuid: return "uuid";
    case PartitionType::any: break;
    }
    return "null";
}

struct TypeOf { // any: null
    PartitionType operator()(std::monostate) const { return PartitionType::any; }
    PartitionType operator()(std::int64_t) const { return PartitionType::integer; }
    PartitionType operator()(const std::string&) const { return PartitionType::string; }
    PartitionType operator()(const ObjectId&) const { return PartitionType::object_id; }
    PartitionType operator()(const Uuid&) const { return PartitionType::uuid; }
};

} // namespace

bool takes(const AppSettings& settings, wire::Mode mode) {
    return settings.sync_mode !=
           (mode == wire::Mode::flexible ? SyncMode::partition : SyncMode::flexible);
}

bool leads_over(const AppSettings& settings, wire::Mode mode, int protocol_version) {
    constexpr int kFirstWithMigration = 9;
    return protocol_version >= kFirstWithMigration &&
           (mode == wire::Mode::flexible || !settings.partition_key.empty());
}

std::optional<std::string> illegal_partition(const AppSettings& settings,
                                             const wire::PartitionValue& value) {
    const PartitionType found = std::visit(TypeOf(), value), expected = settings.partition_type;
    const bool is_null = found == PartitionType::any;
    if (is_null ? !settings.needs_partition : expected == PartitionType::any || expected == found)
        return std::nullopt;
    // Apps and their authors know this text from the hosted service.
    const std::string illegal = "attempted to bind on illegal realm partition: expected partition ";
    if (expected == PartitionType::any)
        return illegal + "to have a value but found null";
    return illegal + "to have type " + name_of(expected) + " but found " + name_of(found);
}

} // namespace realmsync::server
