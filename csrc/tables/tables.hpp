// Objects as rows of typed SQLite tables (docs/internals/storage.md): one table per top-level
// class, embedded objects, collections and Mixed inside the owner's row. This is the reading side
// plus inserts of whole objects; changes of existing objects go through apply.hpp, schema changes
// through catalog.hpp. Nothing here opens a transaction: every call belongs to the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "model/schema.hpp"
#include "model/value.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/catalog.hpp"
#include "tables/columns.hpp"

namespace realmsync::tables {

inline constexpr std::size_t kUnlimitedObject = static_cast<std::size_t>(-1);

// Links to objects that do not exist are stored; `visible` shows them as the data model does
// (data-model.md 8): a single link, a Mixed value or a dictionary value reads as null, an element
// of a list or set of links is left out, an element of a list of Mixed reads as null.
enum class Links { stored, visible };

using OwnedPath = std::vector<std::variant<std::uint32_t, std::string>>; // list indexes and names

// Where a link is stored: the object, the property, the path inside its value.
struct IncomingLink {
    const model::Class* cls;
    model::ObjectKey key;
    std::size_t property;
    OwnedPath path;
};

class Tables {
  public:
    // Creates the internal tables (rs_class, rs_prop, …) if the file has none: needs a write
    // transaction then.
    // `first_number`: what objects are numbered from that the transaction under way creates; called
    // for the first of them. Without it from 0.
    using FirstNumber = std::uint64_t (*)(sqlite::Database&);
    Tables(sqlite::Database& db, Layout layout, FirstNumber first_number = nullptr);
    // For a file that may be new: makes what is missing in a transaction of its own, and with it
    // the tables of the caller, if `beside` makes any.
    static Tables create(sqlite::Database& db, Layout layout,
                         void (*beside)(sqlite::Database&) = nullptr);
    ~Tables();
    Tables(const Tables&) = delete;

    sqlite::Database& db() { return db_; }
    Layout layout() const { return layout_; }
    Catalog& catalog() { return *catalog_; }

    // Bytes of the values of one object at most, for appliers.
    std::size_t object_bytes() const { return object_bytes_; }
    void limit_objects(std::size_t bytes) { object_bytes_ = bytes; }

    void shrink() { statements_.clear(); } // of an idle connection, before Database::shrink()

    // The schema as of the caller's transaction: O(1) plus one row read unless another connection
    // has changed it. Rollbacks through Transaction and Savepoint are noticed.
    model::SchemaPtr schema(std::int64_t partition = kOnlyPartition);

    bool exists(std::int64_t partition, const model::Class& cls, const Key& key); // O(log n)
    std::uint64_t count(std::int64_t partition, const model::Class& cls);         // O(n)
    // One property of one object; nothing if there is no such object. `schema` resolves links.
    std::optional<model::Value> read(std::int64_t partition, const model::Schema& schema,
                                     const model::Class& cls, const Key& key, std::size_t property,
                                     Links links = Links::visible);
    // All properties, by index.
    std::optional<std::vector<model::Value>> read_object(std::int64_t partition,
                                                         const model::Schema& schema,
                                                         const model::Class& cls, const Key& key,
                                                         Links links = Links::visible);
    // Up to `limit` keys in key order, after `after` if given. O(log n + limit).
    std::vector<model::ObjectKey> keys(std::int64_t partition, const model::Class& cls,
                                       const Key* after, std::size_t limit);

    // Inserts an object that does not exist yet. `values` are by property index (the key's own
    // place is ignored), scalars and links only, checked by the caller; collections and embedded
    // properties start empty. False if the key exists already (nothing is written then).
    bool insert(std::int64_t partition, const model::Class& cls, const Key& key,
                std::span<const Scalar> values);

    // Every link to an object, by class, property and object; within one value the last element
    // first, so that erasing them in this order keeps the remaining positions right. Scans the
    // columns that can hold such a link: O(rows of their classes).
    std::vector<IncomingLink> incoming(std::int64_t partition, const model::Schema& schema,
                                       const model::Class& cls, const Key& key);

    // A transaction begins that creates objects of its own version.
    void begin_numbers() { next_number_.reset(); }
    // Before rows of a class are inserted with numbers: whether they are, as in every client table.
    // An older file's table gets the column.
    bool numbers(const model::Class& cls);
    std::uint64_t next_number();
    // Whether the table has the column by now: what reads must do without it otherwise.
    bool has_numbers(const model::Class& cls);

    // The same condition and parameters in every statement about one object.
    std::string where_key(const model::Class& cls) const;
    // Binds partition and key from `index` on; returns the next index.
    int bind_object(sqlite::Statement& statement, int index, std::int64_t partition,
                    const Key& key);

  private:
    // A prepared statement by what it is for, so that hot calls build no SQL text.
    template <class Build>
    sqlite::Query statement(const model::Class& cls, unsigned purpose, std::size_t property,
                            const Build& build);
    void hide_dangling(std::int64_t partition, const model::Schema& schema,
                       const model::Property& property, model::Value& value);
    bool dangling(std::int64_t partition, const model::Schema& schema, const model::Value& value);

    sqlite::Database& db_;
    Layout layout_;
    std::unique_ptr<Catalog> catalog_;
    std::size_t object_bytes_ = kUnlimitedObject;
    Scratch scratch_;
    std::unordered_map<std::uint64_t, std::shared_ptr<sqlite::Statement>> statements_;
    FirstNumber first_number_;
    std::optional<std::uint64_t> next_number_;
    std::unordered_set<std::uint64_t> numbered_; // ids of classes whose tables have the column
    std::uint64_t rollbacks_seen_ = 0;           // what numbered_ knows is older than no rollback
};

} // namespace realmsync::tables
