// The workload's values as Java's, and back.
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.postgresql.util.PGobject;

final class Values {
    private static final DateTimeFormatter MILLISECONDS = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS");
    private static final Map<String, Integer> NULLS = Map.ofEntries(
            Map.entry("int4", Types.INTEGER), Map.entry("int8", Types.BIGINT), Map.entry("float8", Types.DOUBLE),
            Map.entry("numeric", Types.NUMERIC), Map.entry("text", Types.VARCHAR), Map.entry("bool", Types.BOOLEAN),
            Map.entry("bytea", Types.BINARY), Map.entry("date", Types.DATE), Map.entry("timestamp", Types.TIMESTAMP),
            Map.entry("timestamptz", Types.TIMESTAMP_WITH_TIMEZONE), Map.entry("json", Types.OTHER), Map.entry("uuid", Types.OTHER));

    private Values() {}

    static void bind(Connection connection, PreparedStatement statement, int at, String type, JsonElement value)
            throws SQLException {
        if (value.isJsonNull()) {
            statement.setNull(at, NULLS.get(type));
        } else if (type.endsWith("[]")) {
            String element = type.substring(0, type.length() - 2);
            statement.setArray(at, connection.createArrayOf(element, elements(element, value.getAsJsonArray())));
        } else {
            bind(statement, at, type, value.getAsString());
        }
    }

    private static void bind(PreparedStatement statement, int at, String type, String text) throws SQLException {
        switch (type) {
            case "int4" -> statement.setInt(at, Integer.parseInt(text));
            case "int8" -> statement.setLong(at, Long.parseLong(text));
            case "float8" -> statement.setDouble(at, Double.parseDouble(text));
            case "numeric" -> statement.setBigDecimal(at, new BigDecimal(text));
            case "bool" -> statement.setBoolean(at, text.equals("true"));
            case "bytea" -> statement.setBytes(at, HexFormat.of().parseHex(text));
            case "date" -> statement.setObject(at, LocalDate.parse(text));
            case "timestamp" -> statement.setObject(at, LocalDateTime.parse(text));
            case "timestamptz" -> statement.setObject(at, OffsetDateTime.parse(text));
            case "json" -> statement.setObject(at, document(text));
            case "uuid" -> statement.setObject(at, UUID.fromString(text));
            default -> statement.setString(at, text);
        }
    }

    private static PGobject document(String text) throws SQLException {
        var document = new PGobject();
        document.setType("json");
        document.setValue(text);
        return document;
    }

    private static Object[] elements(String type, JsonArray values) {
        List<Object> found = new ArrayList<>();
        for (JsonElement each : values) {
            found.add(type.equals("int4") ? (Object) each.getAsInt() : each.getAsString());
        }
        return found.toArray();
    }

    /** A value that pgjdbc has read, as the workload writes it. */
    static Object shown(ResultSet rows, int at) throws SQLException {
        if (rows.getObject(at) == null) {
            return null;
        }
        return switch (rows.getMetaData().getColumnTypeName(at)) {
            case "bytea" -> HexFormat.of().formatHex(rows.getBytes(at));
            case "date" -> rows.getObject(at, LocalDate.class).toString();
            case "timestamp" -> MILLISECONDS.format(rows.getObject(at, LocalDateTime.class));
            case "timestamptz" -> MILLISECONDS.format(
                    rows.getObject(at, OffsetDateTime.class).withOffsetSameInstant(ZoneOffset.UTC)) + "Z";
            case "numeric" -> rows.getBigDecimal(at).toPlainString();
            case "_int4", "_text" -> texts(rows.getArray(at));
            case "bool" -> Boolean.toString(rows.getBoolean(at));
            default -> rows.getObject(at).toString();
        };
    }

    private static List<String> texts(Array array) throws SQLException {
        List<String> found = new ArrayList<>();
        for (Object each : (Object[]) array.getArray()) {
            found.add(each.toString());
        }
        return found;
    }
}
