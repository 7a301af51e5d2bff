// What the pages of the database cost that SQLite looks at for an object: those beyond the usual
// ones are paid for as work, afterwards, since nobody knows before how large an object is.
#pragma once

#include <cstdint>

#include "base/work.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::tables {

// In ns: a page, and one whose content is read as text.
inline constexpr std::uint64_t kPage = 4'000;
inline constexpr std::uint64_t kTextPage = 60'000;
// Objects between two looks at the pages.
inline constexpr unsigned kObjectsPerLook = 8;

// `objects`: read or written since the last call.
inline void spend_on_pages(sqlite::Database& db, Work& work, unsigned objects,
                           std::uint64_t per_page) {
    constexpr std::uint64_t kPagesOfSmallObject = 8;
    if (!work.is_limited())
        return;
    const std::uint64_t pages = db.take_pages();
    const std::uint64_t usual = kPagesOfSmallObject * objects;
    if (pages > usual)
        work.spend(per_page * (pages - usual));
}

} // namespace realmsync::tables
