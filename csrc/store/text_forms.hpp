// Texts of values that SQL users read: ids, dates, keys; and base64. Each form gives back exactly
// the value it was made from; a parser returns nothing for any other text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/values.hpp"

namespace realmsync::store {

std::string id_text(const ObjectId& id);   // 24 hex digits
std::string id_text(const Uuid& id);       // 8-4-4-4-12
std::string id_text(const GlobalKey& key); // 16 hex digits, -, 16 hex digits
std::optional<ObjectId> object_id_from_text(std::string_view text);
std::optional<Uuid> uuid_from_text(std::string_view text);
std::optional<GlobalKey> global_key_from_text(std::string_view text);

// YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ; nothing outside the years 1 to 9999.
std::optional<std::string> date_text(const Timestamp& time);
std::optional<Timestamp> date_from_text(std::string_view text);

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

} // namespace realmsync::store
