#include "tables/object_scan.hpp"

#include <algorithm>
#include <utility>

#include "model/keys.hpp"
#include "tables/page_cost.hpp"
#include "tables/row_graph.hpp"

namespace realmsync::tables {

namespace {

// What the steps take, in ns: finding a row by its key, looking at the next one, reading an object.
constexpr std::uint64_t kJump = 1'500;
constexpr std::uint64_t kStep = 150;
constexpr std::uint64_t kRead = 200;

constexpr unsigned kMostPatience = 16;

// Whether SQLite orders these keys as they are compared here.
bool is_ordered(const Key& key) {
    return key.type == Type::integer || key.type == Type::string || key.type == Type::object_id ||
           key.type == Type::uuid;
}

} // namespace

ObjectScan::Rows& ObjectScan::rows_of(const model::Class& cls) {
    const auto [found, is_new] = rows_.try_emplace(&cls);
    Rows& rows = found->second;
    if (!is_new)
        return rows;
    if (const auto needed = needs_.properties.find(&cls); needed != needs_.properties.end())
        rows.properties.assign(needed->second.begin(), needed->second.end());
    std::string sql = "SELECT t." + quote(cls.key_column);
    for (const std::size_t index : rows.properties) {
        const model::Property& property = cls.properties[index];
        sql += std::string(", t.") + quote(property.column);
        rows.has_containers = rows.has_containers || property.type == kMixed ||
                              property.is_embedded() || property.collection != Collection::single;
    }
    sql += " FROM " + from_partition(tables_, cls) + " AND t." + quote(cls.key_column) +
           ">=? ORDER BY t." + quote(cls.key_column);
    rows.row.emplace(tables_.db().cached(sql));
    return rows;
}

const query::Image* ObjectScan::find(const model::Class& cls, const Key& key) {
    if (cls.embedded() || (key.type != cls.key_type && key.type != Type::null))
        return nullptr;
    Rows& rows = rows_of(cls);
    if (++asked_ == kObjectsPerLook)
        spend_on_pages(tables_.db(), work_, std::exchange(asked_, 0),
                       rows.has_containers ? kTextPage : kPage);
    if (!reach(rows, cls, key))
        return nullptr;
    work_.spend(kRead);
    read_values(**rows.row, 1, *schema_, cls, rows.properties, rows.values);
    rows.image = {&cls, rows.from->view(), rows.values.data(), rows.values.size()};
    return &rows.image;
}

// Whether the scan stands at the object with this key.
bool ObjectScan::reach(Rows& rows, const model::Class& cls, const Key& key) {
    if (!rows.from || !is_ordered(key) || !is_ordered(rows.from->view()) ||
        model::compare(key, rows.from->view()) < 0)
        return jump(rows, cls, key);
    for (unsigned steps = 0; !rows.is_at_end; ++steps) {
        const Key at = read_key(**rows.row, 0, cls.key_type);
        if (at.type == Type::null ||
            model::compare(at, key) >= 0) { // null stands behind all others
            rows.patience = std::min(rows.patience * 2, kMostPatience);
            rows.from = model::ObjectKey(key);
            return model::equal(at, key);
        }
        if (steps == rows.patience) {
            rows.patience = std::max(rows.patience / 2, 1U);
            return jump(rows, cls, key);
        }
        work_.spend(kStep);
        rows.is_at_end = !rows.row->step();
    }
    rows.from = model::ObjectKey(key);
    return false;
}

bool ObjectScan::jump(Rows& rows, const model::Class& cls, const Key& key) {
    work_.spend(kJump);
    sqlite::Statement& row = **rows.row;
    row.reset();
    rows.from = model::ObjectKey(key);
    scratch_.reset();
    bind_key(row, bind_partition(tables_, row, partition_), rows.from->view(), scratch_);
    rows.is_at_end = !row.step();
    return !rows.is_at_end && model::equal(read_key(row, 0, cls.key_type), rows.from->view());
}

} // namespace realmsync::tables
