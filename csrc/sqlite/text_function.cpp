#include "sqlite/text_function.hpp"

#include <exception>
#include <new>

#include <sqlite3.h>

namespace realmsync::sqlite {

namespace {

struct Defined {
    TextFunction of;
};

void call(sqlite3_context* context, int, sqlite3_value** arguments) {
    sqlite3_value* const text = arguments[0];
    if (sqlite3_value_type(text) == SQLITE_NULL)
        return;
    const Defined* defined = static_cast<const Defined*>(sqlite3_user_data(context));
    try {
        const void* bytes = sqlite3_value_blob(text); // of a text: as it is stored, U+0000 included
        const std::size_t size = static_cast<std::size_t>(sqlite3_value_bytes(text));
        const std::string made = defined->of({static_cast<const char*>(bytes), size});
        sqlite3_result_text64(context, made.data(), made.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    } catch (const std::bad_alloc&) {
        sqlite3_result_error_nomem(context);
    } catch (const std::exception& error) {
        sqlite3_result_error(context, error.what(), -1);
    }
}

} // namespace

void define(Database& db, const char* name, TextFunction of) {
    constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    const int code = sqlite3_create_function_v2(
        db.handle(), name, 1, kFlags, new Defined{of}, call, nullptr, nullptr,
        [](void* defined) { delete static_cast<Defined*>(defined); });
    if (code != SQLITE_OK)
        throw StoreError(StoreFault::other, std::string("cannot define ") + name);
}

} // namespace realmsync::sqlite
