// Which SQL table holds a class and which column a property: how they are named, shared by
// partitions whose definitions agree, made and dropped (docs/internals/storage.md), noted in
// rs_table and rs_column. What a column looks like is columns.hpp's, what a schema may say
// catalog.hpp's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::tables {

// client: one schema, the key column is the primary key. server: many partitions in the same
// tables, "rs$partition" leads the primary key.
enum class Layout { client, server };
inline constexpr std::int64_t kOnlyPartition = 1; // of the client layout

// What strangers may add to a class on a server: more than any app has.
inline constexpr std::size_t kServerProperties = 990;

// What tells definitions apart, as text: equal for those that share a table or column.
std::string definition(const model::Class& cls);
std::string definition(const model::Property& property);
std::string in_class(std::string_view cls, std::string_view property); // as messages name it

class SqlTables {
  public:
    SqlTables(sqlite::Database& db, Layout layout) : db_(db), layout_(layout) {}
    static void create_notes(sqlite::Database& db); // in a new file: rs_table and rs_column

    // Whether tables and columns that are not there are refused.
    void fix(bool is_fixed) { is_fixed_ = is_fixed; }
    bool is_fixed() const { return is_fixed_; }
    // Throws ErrorKind::schema, if so and it is not known.
    void require_known(bool is_known, std::string_view what) const;

    // Where a top-level class or its property goes. Tables and columns that are missing are made by
    // make(), together: a class comes with its properties in one statement, since SQLite reads its
    // whole schema anew for every column that is added to a table.
    std::string place(const model::Class& cls);
    std::string place(const model::Class& cls, const model::Property& property);
    static std::string key_column(std::string_view name);
    void make();
    void discard() { missing_.clear(); } // their notes have gone with their transaction
    std::uint64_t cost();                // of make(), in ns

    // On the server other partitions may use table and column: only the partition's values go.
    void drop(std::int64_t partition, const model::Class& cls);
    void drop(std::int64_t partition, const model::Class& cls, const model::Property& property);
    // Of a client: the table goes on under another name, and the class may have a new one.
    void hand_over(const model::Class& cls, const std::string& table);

  private:
    struct NewColumns {                   // of one SQL table
        std::string create, end;          // the statement around its columns, for a new table
        std::vector<std::string> columns; // definitions
        std::size_t before = 0;           // columns that the table has
    };

    std::size_t count_columns(std::string_view table);
    NewColumns& columns_of(const std::string& table);

    sqlite::Database& db_;
    Layout layout_;
    std::map<std::string, NewColumns, std::less<>> missing_; // by SQL table
    bool is_fixed_ = false;
};

} // namespace realmsync::tables
