// The write-back cache of an Applier: objects that a transaction has touched, property by property
// unknown, a pending or loaded scalar, or a tree of values. Writing it back is one row write per
// object. What instructions mean is in apply.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/assert.hpp"
#include "base/work.hpp"
#include "model/schema.hpp"
#include "model/value.hpp"
#include "tables/columns.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

struct Cell { // one property
    enum class State : std::uint8_t { unknown, scalar, tree };
    State state = State::unknown;
    bool dirty = false;
    Scalar scalar;                      // contents in the cache's arena
    std::unique_ptr<model::Value> tree; // a collection or embedded object
};

struct CachedObject {
    enum class Presence : std::uint8_t {
        unknown, // nothing read yet; the row must be there
        created, // CreateObject seen, the row may be there or not
        fresh,   // known not to be there: unknown properties are zero
        exists,
        missing,
    };
    const model::Class* cls = nullptr;
    Key key; // text in the arena
    Presence presence = Presence::unknown;
    bool was_erased = false; // the row may be there still: it is to be deleted, or written anew
    std::vector<Cell> cells;
    std::vector<std::uint32_t> dirty; // cells to write, in the order of their first change
};

class ObjectCache {
  public:
    ObjectCache(Tables& tables, std::int64_t partition, Work& work)
        : tables_(tables), partition_(partition), work_(work) {}

    // The entry of an object, made if need be. Valid until the next flush_all().
    CachedObject& find(const model::Class& cls, const Key& key);
    CachedObject* find_known(const model::Class& cls, const Key& key); // null: not touched yet

    void set_scalar(CachedObject& object, std::size_t property, const Scalar& value); // copies
    void set_tree(CachedObject& object, std::size_t property, model::Value value);
    // The cell with its value known, reading the row if need be. Null if there is no such object.
    Cell* load(CachedObject& object, std::size_t property, const model::Schema& schema);
    void mark_dirty(CachedObject& object, std::size_t property) {
        REALMSYNC_ASSERT(property < object.cls->properties.size());
        Cell& cell = object.cells[property];
        if (!cell.dirty) {
            cell.dirty = true;
            object.dirty.push_back(static_cast<std::uint32_t>(property));
        }
    }

    // False if there is no such object (then nothing was written).
    bool flush(CachedObject& object, const model::Schema& schema);
    void erase(CachedObject& object);
    // Writes all and forgets all. Returns an object that does not exist, or null.
    const CachedObject* flush_all(const model::Schema& schema);
    bool full() const { return used_ >= kMaxObjects || arena_bytes_ >= kMaxArena; }

  private:
    static constexpr std::size_t kMaxObjects = 1024;
    static constexpr std::size_t kMaxArena = 4 << 20; // bytes
    static constexpr std::size_t kMaxPlans = 16;

    enum class Write : std::uint8_t {
        update,
        insert,  // or update, if it is there
        replace, // insert, or nothing of what is there stays
        erase,
    };
    struct Plan { // a write of some properties of a class, prepared
        const model::Class* cls;
        Write write;
        std::vector<std::uint32_t> properties;
        std::shared_ptr<sqlite::Statement> statement;
    };
    struct Ref {
        const model::Class* cls;
        Key key;
        bool operator==(const Ref& other) const {
            return cls == other.cls && model::equal(key, other.key);
        }
    };
    struct RefHash {
        std::size_t operator()(const Ref& ref) const {
            return model::hash(ref.key) ^ std::hash<const void*>{}(ref.cls);
        }
    };

    sqlite::Statement& plan(const CachedObject& object, Write write);
    std::string insert_sql(const CachedObject& object, Write write);
    std::string update_sql(const CachedObject& object) const;
    void delete_row(CachedObject& object);
    std::string_view keep(std::string_view bytes);
    Scalar keep(const Scalar& value);
    Key keep(Key key);
    void reset(CachedObject& object);

    void pay_for_pages(std::uint64_t per_page);
    void check_size(const CachedObject& object);

    Tables& tables_;
    std::int64_t partition_;
    Work& work_;
    std::vector<std::unique_ptr<CachedObject>> objects_; // the first used_ are in use
    std::size_t used_ = 0;
    std::unordered_map<Ref, CachedObject*, RefHash> by_key_;
    std::pmr::monotonic_buffer_resource arena_;
    std::size_t arena_bytes_ = 0;
    std::vector<Plan> plans_;
    std::size_t last_plan_ = 0;
    unsigned writes_ = 0; // since the last look at the pages
    Scratch scratch_;
};

} // namespace realmsync::tables
