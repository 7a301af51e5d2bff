#include "tables/object_cache.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "tables/page_cost.hpp"

namespace realmsync::tables {

namespace {

// What the steps take, in ns: writing the row of an object, a byte of it.
constexpr std::uint64_t kRow = 700;
constexpr std::uint64_t kByte = 3;
// Bytes of a write from which the whole object is measured: the rest of it is smaller writes.
constexpr std::size_t kMeasured = 16u << 10;

} // namespace

std::string_view ObjectCache::keep(std::string_view bytes) {
    if (bytes.empty())
        return {};
    auto* copy = static_cast<char*>(arena_.allocate(bytes.size(), 1));
    arena_bytes_ += bytes.size();
    std::memcpy(copy, bytes.data(), bytes.size());
    return {copy, bytes.size()};
}

Key ObjectCache::keep(Key key) {
    key.string = keep(key.string);
    return key;
}

Scalar ObjectCache::keep(const Scalar& value) {
    Scalar copy = value;
    if (value.type == Type::string || value.type == Type::binary) {
        copy.bytes = keep(value.bytes);
    } else if (value.type == Type::link) {
        void* place = arena_.allocate(sizeof(LinkTarget), alignof(LinkTarget));
        arena_bytes_ += sizeof(LinkTarget);
        copy.link = new (place) LinkTarget{keep(value.link->table), keep(value.link->key)};
    }
    return copy;
}

CachedObject& ObjectCache::find(const model::Class& cls, const Key& key) {
    auto [entry, added] = by_key_.try_emplace(Ref{&cls, key}, nullptr);
    if (!added)
        return *entry->second;
    REALMSYNC_ASSERT(!full()); // the arena's bound: whoever adds has flushed before
    if (used_ == objects_.size())
        objects_.push_back(std::make_unique<CachedObject>());
    CachedObject& object = *objects_[used_++];
    object.cls = &cls;
    object.key = key;
    if (!key.string.empty()) { // the map must not refer to the caller's text either
        by_key_.erase(entry);
        object.key = keep(key);
        by_key_.emplace(Ref{&cls, object.key}, &object);
    } else {
        entry->second = &object;
    }
    object.presence = CachedObject::Presence::unknown;
    object.was_erased = false;
    if (object.cells.size() < cls.properties.size())
        object.cells.resize(cls.properties.size());
    return object;
}

CachedObject* ObjectCache::find_known(const model::Class& cls, const Key& key) {
    const auto found = by_key_.find(Ref{&cls, key});
    return found == by_key_.end() ? nullptr : found->second;
}

void ObjectCache::set_scalar(CachedObject& object, std::size_t property, const Scalar& value) {
    Cell& cell = object.cells[property];
    cell.state = Cell::State::scalar;
    cell.scalar = keep(value);
    cell.tree.reset();
    mark_dirty(object, property);
}

void ObjectCache::set_tree(CachedObject& object, std::size_t property, model::Value value) {
    Cell& cell = object.cells[property];
    cell.state = Cell::State::tree;
    cell.tree = std::make_unique<model::Value>(std::move(value));
    mark_dirty(object, property);
}

Cell* ObjectCache::load(CachedObject& object, std::size_t property, const model::Schema& schema) {
    using Presence = CachedObject::Presence;
    Cell& cell = object.cells[property];
    if (object.presence == Presence::missing)
        return nullptr;
    if (cell.state != Cell::State::unknown)
        return &cell;
    std::optional<model::Value> value;
    if (object.presence != Presence::fresh) {
        pay_for_pages(kPage);
        value = tables_.read(partition_, schema, *object.cls, object.key, property, Links::stored);
        pay_for_pages(value && value->is_container() ? kTextPage : kPage);
        if (value) {
            object.presence = Presence::exists;
        } else if (object.presence == Presence::created) {
            object.presence = Presence::fresh;
        } else {
            object.presence = Presence::missing;
            return nullptr;
        }
    }
    if (!value)
        value = model::zero_value(object.cls->properties[property]);
    if (value->is_container()) {
        cell.state = Cell::State::tree;
        cell.tree = std::make_unique<model::Value>(std::move(*value));
    } else {
        LinkTarget scratch;
        cell.state = Cell::State::scalar;
        cell.scalar = keep(value->view(scratch));
    }
    return &cell;
}

// What is not written has its default, of a row that is there as well if it is replaced.
std::string ObjectCache::insert_sql(const CachedObject& object, Write write) {
    const model::Class& cls = *object.cls;
    const bool server = tables_.layout() == Layout::server;
    const bool numbered = tables_.numbers(cls);
    const bool replace = write == Write::replace;
    const std::string key = (server ? "\"rs$partition\", " : "") + quote(cls.key_column);
    std::string columns = key, places = server || numbered ? "?, ?" : "?", changes;
    const auto change = [&](const std::string& column) {
        changes += (changes.empty() ? "" : ", ") + column + "=excluded." + column;
    };
    if (numbered) {
        columns += ", " + quote(kOrderColumn);
        if (replace)
            change(quote(kOrderColumn));
    }
    for (const std::uint32_t i : object.dirty) {
        columns += ", " + quote(cls.properties[i].column);
        places += ", ?";
        if (!replace)
            change(quote(cls.properties[i].column));
    }
    if (replace)
        for (std::size_t i = cls.has_key_property ? 1 : 0; i < cls.properties.size(); ++i)
            change(quote(cls.properties[i].column));
    return "INSERT INTO " + quote(cls.table) + "(" + columns + ") VALUES(" + places +
           ") ON CONFLICT(" + key + ") DO " +
           (changes.empty() ? "NOTHING" : "UPDATE SET " + changes);
}

std::string ObjectCache::update_sql(const CachedObject& object) const {
    std::string changes;
    for (const std::uint32_t i : object.dirty)
        changes += (changes.empty() ? "" : ", ") + quote(object.cls->properties[i].column) + "=?";
    return "UPDATE " + quote(object.cls->table) + " SET " + changes +
           tables_.where_key(*object.cls);
}

sqlite::Statement& ObjectCache::plan(const CachedObject& object, Write write) {
    auto matches = [&](const Plan& plan) {
        return plan.cls == object.cls && plan.write == write && plan.properties == object.dirty;
    };
    if (last_plan_ < plans_.size() && matches(plans_[last_plan_]))
        return *plans_[last_plan_].statement;
    auto found = std::find_if(plans_.begin(), plans_.end(), matches);
    if (found != plans_.end()) {
        last_plan_ = static_cast<std::size_t>(found - plans_.begin());
        return *found->statement;
    }
    REALMSYNC_ASSERT(std::is_sorted(object.dirty.begin(), object.dirty.end()));
    const model::Class& cls = *object.cls;
    const std::string sql = write == Write::erase
                                ? "DELETE FROM " + quote(cls.table) + tables_.where_key(cls)
                            : write == Write::update ? update_sql(object)
                                                     : insert_sql(object, write);
    Plan plan{&cls, write, object.dirty, tables_.db().cached(sql)};
    if (plans_.size() < kMaxPlans) {
        last_plan_ = plans_.size();
        plans_.push_back(std::move(plan));
    } else {
        last_plan_ = (last_plan_ + 1) % kMaxPlans;
        plans_[last_plan_] = std::move(plan);
    }
    return *plans_[last_plan_].statement;
}

bool ObjectCache::flush(CachedObject& object, const model::Schema& schema) {
    using Presence = CachedObject::Presence;
    const bool insert = object.presence == Presence::created || object.presence == Presence::fresh;
    if (object.was_erased && !insert)
        delete_row(object);
    if (object.presence == Presence::missing || (object.dirty.empty() && !insert))
        return true;
    work_.spend(kRow);
    if (!std::is_sorted(object.dirty.begin(), object.dirty.end()))
        std::sort(object.dirty.begin(), object.dirty.end());
    sqlite::Statement& statement = plan(object, !insert             ? Write::update
                                                : object.was_erased ? Write::replace
                                                                    : Write::insert);
    object.was_erased = false;
    int index = 1;
    if (insert) {
        index = tables_.bind_object(statement, index, partition_, object.key);
        if (tables_.layout() == Layout::client)
            statement.bind(index++, tables_.next_number());
    }
    scratch_.reset();
    std::size_t bytes = 0;
    for (std::uint32_t i : object.dirty) {
        Cell& cell = object.cells[i];
        REALMSYNC_ASSERT(cell.dirty && cell.state != Cell::State::unknown);
        const model::Property& property = object.cls->properties[i];
        if (cell.state == Cell::State::tree)
            bind_value(statement, index++, property, schema, *cell.tree, scratch_);
        else
            bind_scalar(statement, index++, property, cell.scalar, scratch_);
        if (cell.scalar.type == Type::string || cell.scalar.type == Type::binary)
            bytes += cell.scalar.bytes.size();
        cell.dirty = false;
    }
    bytes += scratch_.bytes();
    work_.spend(kByte * bytes);
    if (!insert)
        tables_.bind_object(statement, index, partition_, object.key);
    object.dirty.clear();
    statement.run();
    bool found = insert || tables_.db().changes() != 0;
    object.presence = found ? Presence::exists : Presence::missing;
    if (found && bytes >= kMeasured)
        check_size(object);
    if (++writes_ >= kObjectsPerLook)
        pay_for_pages(kPage);
    return found;
}

// Of what was written, and of the object that was read or written now: a small change may rewrite a
// large row.
void ObjectCache::pay_for_pages(std::uint64_t per_page) {
    spend_on_pages(tables_.db(), work_, std::exchange(writes_, 0) + 1, per_page);
}

void ObjectCache::check_size(const CachedObject& object) {
    const std::size_t limit = tables_.object_bytes();
    if (limit == kUnlimitedObject)
        return;
    std::string sql;
    for (const model::Property& property : object.cls->properties)
        sql += (sql.empty() ? "SELECT octet_length(" : ", octet_length(") + quote(property.column) +
               ")";
    sql += " FROM " + quote(object.cls->table) + tables_.where_key(*object.cls);
    sqlite::Query row = tables_.db().query(sql);
    tables_.bind_object(*row, 1, partition_, object.key);
    std::size_t bytes = 0;
    if (row.step())
        for (std::size_t i = 0; i < object.cls->properties.size(); ++i)
            bytes += static_cast<std::size_t>(row->integer(static_cast<int>(i)));
    if (bytes > limit)
        raise(ErrorKind::limit_exceeded, "The object " + object.cls->name + "[" +
                                             model::to_text(object.key) + "] has " +
                                             std::to_string(bytes) + " bytes, at most " +
                                             std::to_string(limit) + " are stored");
}

void ObjectCache::reset(CachedObject& object) {
    for (Cell& cell : object.cells) {
        cell.state = Cell::State::unknown;
        cell.dirty = false;
        cell.tree.reset();
    }
    object.dirty.clear();
}

// Its row stays until it is written back, since most objects that are erased in bootstraps are made
// anew at once.
void ObjectCache::erase(CachedObject& object) {
    using Presence = CachedObject::Presence;
    if (object.presence != Presence::missing && object.presence != Presence::fresh)
        object.was_erased = true;
    reset(object);
    object.presence = Presence::missing;
}

void ObjectCache::delete_row(CachedObject& object) {
    sqlite::Statement& statement = plan(object, Write::erase);
    tables_.bind_object(statement, 1, partition_, object.key);
    statement.run();
    object.was_erased = false;
    ++writes_;
}

const CachedObject* ObjectCache::flush_all(const model::Schema& schema) {
    for (std::size_t i = 0; i < used_; i++)
        if (!flush(*objects_[i], schema))
            return objects_[i].get();
    for (std::size_t i = 0; i < used_; i++)
        reset(*objects_[i]);
    used_ = 0;
    by_key_.clear();
    plans_.clear();
    arena_.release();
    arena_bytes_ = 0;
    return nullptr;
}

} // namespace realmsync::tables
