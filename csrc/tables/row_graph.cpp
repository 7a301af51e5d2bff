#include "tables/row_graph.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "model/key_list.hpp"
#include "tables/columns.hpp"

namespace realmsync::tables {

namespace {

constexpr std::size_t kMaxObjects = 100'000; // kept at once, beyond those of one outermost object

using TakeLink = std::function<void(const model::Link&)>;

// Every link that the value holds, in order; embedded objects are not looked into.
void visit_links(const model::Value& value, const TakeLink& take) {
    if (const model::Link* link = value.link()) {
        take(*link);
    } else if (const model::List* list = value.list()) {
        for (const model::Value& item : list->items)
            visit_links(item, take);
    } else if (const model::Set* set = value.set()) {
        for (const model::Value& item : set->items)
            visit_links(item, take);
    } else if (const model::Dictionary* dictionary = value.dictionary()) {
        for (const auto& [key, item] : dictionary->items)
            visit_links(item, take);
    }
}

using TakeEmbedded = std::function<void(const model::Class&, const model::Embedded&)>;

// Every embedded object in the value of a property, those within others too.
void visit_embedded(const model::Schema& schema, const model::Property& property,
                    const model::Value& value, const TakeEmbedded& take) {
    if (!property.is_embedded())
        return;
    if (const model::Embedded* embedded = value.embedded()) {
        const model::Class& cls = *schema.find(property.target);
        take(cls, *embedded);
        for (std::size_t i = 0; i < embedded->properties.size(); ++i)
            visit_embedded(schema, cls.properties[i], embedded->properties[i], take);
    } else if (const model::List* list = value.list()) {
        for (const model::Value& item : list->items)
            visit_embedded(schema, property, item, take);
    } else if (const model::Dictionary* dictionary = value.dictionary()) {
        for (const auto& [key, item] : dictionary->items)
            visit_embedded(schema, property, item, take);
    }
}

} // namespace

// Who links to an object with one property: by the target's class and key, positions in `keys` or,
// of embedded objects, in `images`.
struct RowGraph::Backlinks {
    struct Target {
        std::string table;
        model::ObjectKey key;
        bool operator==(const Target& other) const {
            return table == other.table && model::equal(key.view(), other.key.view());
        }
    };
    struct TargetHash {
        std::size_t operator()(const Target& target) const {
            return model::hash(target.key.view()) * 31 + std::hash<std::string>{}(target.table);
        }
    };
    std::unordered_map<Target, std::vector<std::uint32_t>, TargetHash> by_target;
    model::KeyList keys;
    std::vector<query::Image> images;
    std::vector<std::unique_ptr<model::Value>> trees; // what images point into

    void add(const model::Link& link, std::size_t position) {
        by_target[Target{link.table, link.key}].push_back(static_cast<std::uint32_t>(position));
    }
};

RowGraph::RowGraph(Tables& tables, std::int64_t partition, model::SchemaPtr schema,
                   query::Needs needs)
    : tables_(tables), partition_(partition), schema_(std::move(schema)), needs_(std::move(needs)) {
}

RowGraph::~RowGraph() = default;

RowGraph::Rows& RowGraph::rows_of(const model::Class& cls) {
    auto [found, is_new] = rows_.try_emplace(&cls);
    Rows& rows = found->second;
    if (!is_new)
        return rows;
    if (needs_.follows_mixed) { // any property may be asked for
        rows.properties.resize(cls.properties.size());
        std::iota(rows.properties.begin(), rows.properties.end(), std::size_t{0});
    } else if (auto needed = needs_.properties.find(&cls); needed != needs_.properties.end()) {
        rows.properties.assign(needed->second.begin(), needed->second.end());
    }
    rows.sql = "SELECT 1";
    for (const std::size_t property : rows.properties)
        rows.sql += ", " + quote(cls.properties[property].column);
    rows.sql += " FROM " + quote(cls.table) + tables_.where_key(cls);
    return rows;
}

const query::Image* RowGraph::target(const model::Class& cls, const Key& key) {
    if (cls.embedded() || (key.type != cls.key_type && key.type != Type::null))
        return nullptr;
    Rows& rows = rows_of(cls);
    if (auto known = rows.objects.find(Named{key}); known != rows.objects.end())
        return known->second->exists ? &known->second->image : nullptr;
    auto object = std::make_unique<Object>();
    object->key = model::ObjectKey(key);
    sqlite::Query row = tables_.db().query(rows.sql);
    tables_.bind_object(*row, 1, partition_, key);
    if (row.step()) {
        object->exists = true;
        read_values(*row, 1, *schema_, cls, rows.properties, object->values);
        object->image = {&cls, object->key.view(), object->values.data(), object->values.size()};
    }
    Object& kept = *object;
    rows.objects.emplace(Named{kept.key.view()}, std::move(object));
    ++objects_;
    return kept.exists ? &kept.image : nullptr;
}

void RowGraph::trim() {
    if (objects_ < kMaxObjects)
        return;
    for (auto& [cls, rows] : rows_)
        rows.objects.clear();
    objects_ = 0;
}

void RowGraph::sources(const model::Class& cls, std::size_t property, const query::Image& to,
                       const std::function<bool(const query::Image&)>& visit) {
    const Backlinks& links = backlinks_of(cls, property);
    const auto found = links.by_target.find({to.cls->name, model::ObjectKey(to.key)});
    if (found == links.by_target.end())
        return;
    for (const std::uint32_t position : found->second) {
        const query::Image* source =
            cls.embedded() ? &links.images[position] : target(cls, links.keys.at(position));
        if (source != nullptr && !visit(*source))
            return;
    }
}

const RowGraph::Backlinks& RowGraph::backlinks_of(const model::Class& cls, std::size_t property) {
    std::unique_ptr<Backlinks>& links = backlinks_[{&cls, property}];
    if (links)
        return *links;
    auto found = std::make_unique<Backlinks>();
    if (!cls.embedded())
        scan(cls, property, *found);
    else
        for (const auto& [name, owner] : schema_->classes)
            if (!owner->embedded())
                scan_embedded(*owner, cls, property, *found);
    links = std::move(found);
    return *links;
}

void RowGraph::scan(const model::Class& cls, std::size_t property, Backlinks& found) {
    const model::Property& definition = cls.properties[property];
    const std::string column = std::string("t.") + quote(definition.column);
    sqlite::Query row =
        tables_.db().query("SELECT t." + quote(cls.key_column) + ", " + column + " FROM " +
                           from_partition(tables_, cls) + " AND " + column +
                           " IS NOT NULL ORDER BY " + creation_order(tables_, cls));
    bind_partition(tables_, *row, partition_);
    found.keys = model::KeyList(cls.key_type);
    while (row.step()) {
        const model::Value value = read_value(*row, 1, definition, *schema_);
        bool is_source = false;
        visit_links(value, [&](const model::Link& link) {
            is_source = true;
            found.add(link, found.keys.size());
        });
        if (is_source)
            found.keys.append(read_key(*row, 0, cls.key_type));
    }
}

void RowGraph::scan_embedded(const model::Class& owner, const model::Class& cls,
                             std::size_t property, Backlinks& found) {
    for (const model::Property& definition : owner.properties) {
        if (!Catalog::reaches(*schema_, definition, cls.name))
            continue;
        const std::string column = std::string("t.") + quote(definition.column);
        sqlite::Query row = tables_.db().query(
            "SELECT " + column + " FROM " + from_partition(tables_, owner) + " AND " + column +
            " IS NOT NULL ORDER BY " + creation_order(tables_, owner));
        bind_partition(tables_, *row, partition_);
        while (row.step()) {
            auto tree = std::make_unique<model::Value>(read_value(*row, 0, definition, *schema_));
            const std::size_t before = found.images.size();
            visit_embedded(
                *schema_, definition, *tree,
                [&](const model::Class& of, const model::Embedded& embedded) {
                    if (&of != &cls || property >= embedded.properties.size())
                        return;
                    bool is_source = false;
                    visit_links(embedded.properties[property], [&](const model::Link& link) {
                        is_source = true;
                        found.add(link, found.images.size());
                    });
                    if (is_source)
                        found.images.push_back(
                            {&cls, {}, embedded.properties.data(), embedded.properties.size()});
                });
            if (found.images.size() != before)
                found.trees.push_back(std::move(tree));
        }
    }
}

void read_values(const sqlite::Statement& row, int first, const model::Schema& schema,
                 const model::Class& cls, const std::vector<std::size_t>& properties,
                 std::vector<model::Value>& values) {
    values.resize(properties.empty() ? 0 : properties.back() + 1);
    for (std::size_t i = 0; i < properties.size(); ++i) {
        const std::size_t property = properties[i];
        const int column = first + static_cast<int>(i);
        values[property] =
            property == 0 && cls.has_key_property
                ? model::Value(model::key_scalar(read_key(row, column, cls.key_type)))
                : read_value(row, column, cls.properties[property], schema);
    }
}

std::string from_partition(const Tables& tables, const model::Class& cls) {
    return quote(cls.table) + " AS t WHERE " +
           (tables.layout() == Layout::server ? "t.\"rs$partition\" = ?" : "1");
}

int bind_partition(const Tables& tables, sqlite::Statement& statement, std::int64_t partition) {
    if (tables.layout() != Layout::server)
        return 1;
    statement.bind(1, partition);
    return 2;
}

std::string creation_order(Tables& tables, const model::Class& cls) {
    const std::string key = "t." + quote(cls.key_column);
    return tables.has_numbers(cls) ? std::string("t.") + quote(kOrderColumn) + ", " + key : key;
}

} // namespace realmsync::tables
