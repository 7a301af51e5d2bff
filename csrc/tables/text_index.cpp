#include "tables/text_index.hpp"

#include "query/sql/text_index.hpp"
#include "query/strings/text_search.hpp"
#include "sqlite/text_function.hpp"
#include "tables/columns.hpp"

namespace realmsync::tables::text_index {

namespace {

constexpr const char* kTable = "rs_text_index";

bool has_table(sqlite::Database& db, std::string_view name) {
    return db.integer("SELECT 1 FROM sqlite_schema WHERE type='table' AND name=?", name)
        .has_value();
}

// The statements about one index.
class Index {
  public:
    Index(const model::Class& cls, const model::Property& property)
        : has_keys_(!query::has_rowid(cls)), table_(query::text_index_table(cls, property)),
          keys_(query::text_index_keys(cls, property)), rows_(quote(cls.table)),
          key_(quote(cls.key_column)), text_(quote(property.column)) {}

    // No columns are told apart, no positions and lengths kept: searches ask for tokens alone.
    std::string create() const {
        std::string sql = "CREATE VIRTUAL TABLE " + table_ +
                          " USING fts5(tokens, content='', columnsize=0, detail=none,"
                          " tokenize='ascii'); INSERT INTO " +
                          table_ + "(" + table_ + ", rank) VALUES('secure-delete', 1); ";
        if (has_keys_)
            sql += "CREATE TABLE " + keys_ + "(id INTEGER PRIMARY KEY, key NOT NULL UNIQUE); " +
                   "INSERT INTO " + keys_ + "(key) SELECT " + key_ + " FROM " + rows_ + " WHERE " +
                   text_ + " IS NOT NULL; ";
        const std::string filled = "SELECT " + number(rows_) + ", rs_tokens(" + text_ + ") FROM " +
                                   rows_ + " WHERE " + text_ + " IS NOT NULL; ";
        return sql + "INSERT INTO " + table_ + "(rowid, tokens) " + filled + triggers();
    }

    std::string drop() const {
        std::string sql;
        for (const char* event : {"insert", "update", "delete"})
            sql += "DROP TRIGGER " + trigger(event) + "; ";
        if (has_keys_)
            sql += "DROP TABLE " + keys_ + "; ";
        return sql + "DROP TABLE " + table_;
    }

  private:
    std::string trigger(const std::string& event) const { // its name
        return table_.substr(0, table_.size() - 1) + "$" + event + '"';
    }
    // The rowid of an object in the index.
    std::string number(const std::string& row) const {
        const std::string key = row + "." + key_;
        return has_keys_ ? "(SELECT id FROM " + keys_ + " WHERE key=" + key + ")" : key;
    }
    std::string triggers() const {
        const std::string on = " ON " + rows_ + " WHEN ";
        const std::string has_old = "old." + text_ + " IS NOT NULL";
        const std::string has_new = "new." + text_ + " IS NOT NULL";
        return "CREATE TRIGGER " + trigger("insert") + " AFTER INSERT" + on + has_new + " BEGIN " +
               add() + "END; CREATE TRIGGER " + trigger("delete") + " AFTER DELETE" + on + has_old +
               " BEGIN " + remove() + "END; CREATE TRIGGER " + trigger("update") +
               " AFTER UPDATE OF " + text_ + on + "old." + text_ + " IS NOT new." + text_ +
               " BEGIN " + remove(has_old) + add(has_new) + "END;";
    }
    std::string add(const std::string& condition = "1") const {
        std::string sql;
        if (has_keys_)
            sql =
                "INSERT INTO " + keys_ + "(key) SELECT new." + key_ + " WHERE " + condition + "; ";
        return sql + "INSERT INTO " + table_ + "(rowid, tokens) SELECT " + number("new") +
               ", rs_tokens(new." + text_ + ") WHERE " + condition + "; ";
    }
    std::string remove(const std::string& condition = "1") const {
        std::string sql = "INSERT INTO " + table_ + "(" + table_ +
                          ", rowid, tokens) SELECT 'delete', " + number("old") +
                          ", rs_tokens(old." + text_ + ") WHERE " + condition + "; ";
        if (has_keys_)
            sql += "DELETE FROM " + keys_ + " WHERE key=old." + key_ + " AND " + condition + "; ";
        return sql;
    }

    bool has_keys_;
    std::string table_, keys_, rows_, key_, text_; // quoted
};

} // namespace

void define_functions(sqlite::Database& db) { sqlite::define(db, "rs_tokens", query::all_tokens); }

Names list(sqlite::Database& db) {
    Names names;
    if (!has_table(db, kTable))
        return names;
    sqlite::Query row = db.query("SELECT class, property FROM rs_text_index");
    while (row.step())
        names.emplace(row->string(0), row->string(1));
    return names;
}

void create(sqlite::Database& db, const model::Class& cls, const model::Property& property) {
    if (list(db).contains({cls.name, property.name}))
        return;
    db.exec("CREATE TABLE IF NOT EXISTS rs_text_index(class TEXT NOT NULL, property TEXT NOT NULL,"
            " PRIMARY KEY(class, property)) WITHOUT ROWID");
    db.run("INSERT INTO rs_text_index VALUES(?, ?)", cls.name, property.name);
    if (!cls.embedded())
        db.exec(Index(cls, property).create());
}

void drop(sqlite::Database& db, const model::Class& cls, const model::Property& property) {
    if (!list(db).contains({cls.name, property.name}))
        return;
    db.run("DELETE FROM rs_text_index WHERE class=? AND property=?", cls.name, property.name);
    if (!cls.embedded())
        db.exec(Index(cls, property).drop());
}

bool is_part(std::string_view table) { return table.starts_with("rs_text$"); }

void fill_copy(sqlite::Database& db, const model::Schema& schema) {
    for (const auto& [class_name, property_name] : list(db)) {
        const model::Class& cls = *schema.find(class_name);
        if (!cls.embedded())
            db.exec(Index(cls, cls.properties[cls.find(property_name)]).create());
    }
}

} // namespace realmsync::tables::text_index
