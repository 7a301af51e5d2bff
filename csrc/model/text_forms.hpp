// Texts of values that SQL users read, beyond those of base/: dates, GlobalKeys, decimals. Each
// gives back exactly the value it was made from; a parser returns nothing for any other text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/values.hpp"

namespace realmsync::model {

std::string global_key_text(const GlobalKey& key); // 16 hex digits, -, 16 hex digits
std::optional<GlobalKey> global_key_from_text(std::string_view text);

// YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ; nothing outside the years 1 to 9999.
std::optional<std::string> date_text(const Timestamp& time);
std::optional<Timestamp> date_from_text(std::string_view text);

// As base/decimal.hpp's format_decimal, where the text gives back the same bits: not for
// non-canonical patterns and NaNs with a payload.
std::optional<std::string> decimal_text(const Decimal128& decimal);

} // namespace realmsync::model
